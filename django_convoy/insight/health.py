"""Everything that `convoy doctor` looks at, one finding after the other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django_convoy.contracts.broker import Browsable
from django_convoy.domain.errors import ConvoyError
from django_convoy.insight import clocks, database
from django_convoy.insight.ages import in_words
from django_convoy.insight.backlog import backlog
from django_convoy.insight.probe import round_trip
from django_convoy.insight.queues import own_counts
from django_convoy.insight.site import Site, tables
from django_convoy.insight.workers import unserved, workers

FINE, NOTICE, WARNING, ERROR = "fine", "notice", "warning", "error"
LARGEST_DIFFERENCE = timedelta(seconds=2)
NAMED = 5
Secrets = Callable[[], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. level: fine, notice, warning or error."""

    level: str
    about: str
    text: str


def examine(site: Site, secrets: Secrets) -> Iterator[Finding]:
    """Look at everything; what cannot be reached ends it."""
    alias = tables(site)
    try:
        yield Finding(FINE, "database", f"{alias!r} answers: {database.reachable(alias)}")
    except ConvoyError as error:
        yield Finding(ERROR, "database", str(error))
        return
    yield from _sqlite(alias)
    missing = database.missing_migrations(alias)
    if missing:
        flag = "" if alias == "default" else f" --database {alias}"
        yield Finding(
            ERROR,
            "tables",
            f"not applied in {alias!r}: {', '.join(missing)}. Run `manage.py migrate{flag}`",
        )
        return
    yield Finding(FINE, "tables", f"all migrations are applied in {alias!r}")
    yield _clock(alias)
    for part in (_probe, _queues, _workers):
        try:
            yield from part(site)
        except ConvoyError as error:
            yield Finding(ERROR, "broker", str(error))
    if isinstance(site.shared.broker, Browsable):
        yield from _backlog(site, secrets)


def slots(setting: str, flag: str, timed: Sequence[str]) -> Iterator[Finding]:
    """Look at what hard timeouts would hit. timed: tasks that have one."""
    if not timed:
        return
    named = ", ".join(timed[:NAMED]) + (", ..." if len(timed) > NAMED else "")
    yield Finding(
        WARNING,
        "slots",
        "tasks with hard timeouts belong on process slots: OPTIONS['worker'] says "
        f"{setting}, where such a timeout ends a whole process, and its other jobs have to finish "
        f"first or run again. With a timeout: {named}. Give them a queue of their own, and serve "
        f"it by `manage.py convoy worker {flag} 0 --queues NAME`",
    )


def _sqlite(alias: str) -> Iterator[Finding]:
    modes = database.sqlite_modes(alias)
    if modes is None:
        return
    yield Finding(
        FINE,
        "SQLite",
        f"journal_mode={modes.journal}, synchronous={modes.synchronous}, "
        f"transaction_mode={modes.transactions}, timeout={modes.timeout:g}",
    )
    for sentence in modes.advice():
        yield Finding(NOTICE if "slower" in sentence else WARNING, "SQLite", sentence)


def _clock(alias: str) -> Finding:
    ahead = clocks.difference(alias)
    if abs(ahead) <= LARGEST_DIFFERENCE:
        return Finding(FINE, "clocks", "the store's clock and this host's agree")
    side = "ahead of" if ahead > timedelta() else "behind"
    return Finding(
        WARNING,
        "clocks",
        f"the store's clock is {in_words(abs(ahead))} {side} this host's. Leases go by the "
        "store's, but times that this host writes are off: run NTP on both",
    )


def _probe(site: Site) -> Iterator[Finding]:
    took = round_trip(site)
    yield Finding(
        FINE, "broker", f"a probe was pushed, claimed and settled in {took * 1000:.1f} ms"
    )


def _queues(site: Site) -> Iterator[Finding]:
    broker = site.shared.broker
    if not isinstance(broker, Browsable):
        yield Finding(NOTICE, "queues", "this broker cannot list its queues")
        return
    waiting = [name for name, counts in own_counts(site).items() if counts.ready]
    alone = unserved(site, waiting)
    if alone:
        yield Finding(
            WARNING,
            "queues",
            f"jobs wait and no living worker serves them: {', '.join(alone)}. "
            f"Start `manage.py convoy worker --queues {','.join(alone)}`",
        )
    else:
        yield Finding(FINE, "queues", "every queue with waiting jobs is served")


def _workers(site: Site) -> Iterator[Finding]:
    there = workers(site)
    for one in there:
        if one.silent:
            yield Finding(
                WARNING,
                "workers",
                f"{one.name} on {one.host} (pid {one.pid}) last reported {in_words(one.age)} ago",
            )
    alive = sum(not one.silent for one in there)
    yield Finding(FINE if alive else NOTICE, "workers", f"{alive} reporting")


def _backlog(site: Site, secrets: Secrets) -> Iterator[Finding]:
    found = backlog(site, secrets)
    least = "" if found.complete else "at least "
    for key in found.keys:
        jobs = f"{least}{key.jobs} live {'job' if key.jobs == 1 else 'jobs'}"
        if key.role == "unknown":
            yield Finding(
                ERROR,
                "keys",
                f"{jobs} signed with {key.id}, which is not among SECRET_KEY and its fallbacks: "
                "they will be quarantined. Put the old key into SECRET_KEY_FALLBACKS",
            )
        elif key.role == "fallback" and not key.jobs and found.complete:
            yield Finding(
                NOTICE, "keys", f"no live job needs the fallback {key.id}: for Convoy it may go"
            )
        else:
            yield Finding(FINE, "keys", f"{jobs} signed with the {key.role} key {key.id}")
    for reason, count in found.waiting.items():
        jobs = "1 job" if count == 1 else f"{count} jobs"
        yield Finding(WARNING, "waiting", f"{jobs}: {reason}")
