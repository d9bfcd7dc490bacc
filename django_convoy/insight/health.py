"""Everything that `convoy doctor` looks at, one finding after the other."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured

from django_convoy.contracts.broker import Browsable, Reachable
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
LATE_SECONDS = 90.0
"""A job in the outbox that should have been sent so long ago is forgotten by all workers."""
WORDS = {"send": "to be sent to the broker", "parked": "parked until the broker can hold them"}
NO_OUTBOX = (
    "there is no table convoy_outbox in database {0!r}: jobs that are enqueued in its transactions "
    "are sent after the commit, and lost when the process dies in between. Run "
    '`manage.py migrate`, or say that you know by OPTIONS["enqueue"]: "on_commit"'
)
Secrets = Callable[[], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. level: fine, notice, warning or error."""

    level: str
    about: str
    text: str


def examine(site: Site, secrets: Secrets) -> Iterator[Finding]:
    """Look at everything; what cannot be reached ends what needs it."""
    broker = site.shared.broker
    tables_there = yield from _database(site)
    if broker.capabilities.transactional == tables(site) and not tables_there:
        return
    if not (yield from _server(site)):
        return
    yield from _guarded(site, _probe, _queues, _outbox)
    if tables_there:
        yield from _guarded(site, _workers)
    if site.shared.view is not None and isinstance(broker, Browsable):
        yield from _guarded(site, lambda site: _backlog(site, secrets))


def _guarded(site: Site, *parts: Callable[[Site], Iterator[Finding]]) -> Iterator[Finding]:
    for part in parts:
        try:
            yield from part(site)
        except ConvoyError as error:
            yield Finding(ERROR, "broker", str(error))


def _server(site: Site) -> Generator[Finding, None, bool]:
    """Ask whether the broker's server is there; where it cannot be asked, the probe will tell."""
    broker = site.shared.broker
    if not isinstance(broker, Reachable):
        return True
    try:
        info = broker.info()
        began = time.monotonic()
        broker.ping()
        took = (time.monotonic() - began) * 1000
    except ConvoyError as error:
        yield Finding(ERROR, "server", str(error))
        return False
    yield Finding(FINE, "server", f"{type(broker).__name__} is connected to {info}: {took:.1f} ms")
    yield from _guarded(site, _limits)
    return True


def _limits(site: Site) -> Iterator[Finding]:
    broker = site.shared.broker
    if isinstance(broker, Reachable):
        for told in broker.differences([site.full_name(name) for name in site.declared_queues]):
            yield Finding(WARNING, "limits", told)


def _database(site: Site) -> Generator[Finding, None, bool]:
    """Look at the database that has Convoy's tables; return whether it does."""
    alias = tables(site)
    # Without tables jobs can be run where neither they nor results are in the database.
    needed = alias in (site.shared.broker.capabilities.transactional, site.shared.store.alias)
    level = ERROR if needed else NOTICE
    try:
        yield Finding(FINE, "database", f"{alias!r} answers: {database.reachable(alias)}")
        yield from _sqlite(alias)
        missing = database.missing_migrations(alias)
    except (ConvoyError, ImproperlyConfigured) as error:
        yield Finding(level, "database", str(error))
        return False
    if missing:
        flag = "" if alias == "default" else f" --database {alias}"
        yield Finding(
            level,
            "tables",
            f"not applied in {alias!r}: {', '.join(missing)}. Run `manage.py migrate{flag}`",
        )
        return False
    yield Finding(FINE, "tables", f"all migrations are applied in {alias!r}")
    yield _clock(alias)
    return True


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
    broker = site.shared.broker
    if not broker.capabilities.shared:
        text = f"{type(broker).__name__}: only the process that enqueues a job can see it"
        yield Finding(NOTICE, "broker", text)
        return
    took, left = round_trip(site)
    yield Finding(
        FINE, "broker", f"a probe was pushed, claimed and settled in {took * 1000:.1f} ms"
    )
    if left:
        yield Finding(WARNING, "broker", left)


def _outbox(site: Site) -> Iterator[Finding]:
    """Look at what waits for a broker elsewhere, and whether it could."""
    alias, outbox = site.outbox_alias, site.shared.outbox
    if alias is None or outbox is None:
        return  # what there is to say, a system check has said
    if not outbox.exists():
        if site.options.enqueue == "outbox":
            yield Finding(WARNING, "outbox", NO_OUTBOX.format(alias))
        return
    states = outbox.states()
    told = ", ".join(f"{count} {WORDS.get(name, name)}" for name, count in sorted(states.items()))
    late = outbox.late()
    if late is not None and late > LATE_SECONDS:
        yield Finding(
            WARNING,
            "outbox",
            f"{told}; the oldest should have been sent {in_words(late)} ago. Workers of "
            f"TASKS[{site.alias!r}] send them: is one running, and does its broker answer?",
        )
    else:
        yield Finding(FINE, "outbox", told or f"nothing waits in {alias!r} to be sent")
    spill = site.shared.spill
    if spill is not None and (count := spill.count()):
        jobs = "1 job has its" if count == 1 else f"{count} jobs have their"
        yield Finding(FINE, "outbox", f"{jobs} arguments in {alias!r}: too large for the broker")


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
