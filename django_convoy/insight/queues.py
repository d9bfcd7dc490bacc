"""How the queues of a site stand."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from django_convoy.contracts.broker import Browsable, Counts
from django_convoy.domain import clock
from django_convoy.domain.errors import ConfigurationError
from django_convoy.domain.suggest import instead
from django_convoy.insight.history import finished
from django_convoy.insight.site import Site, browser


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue. waiting: how long its oldest ready job has been due; None without one."""

    name: str
    counts: Counts
    waiting: timedelta | None

    @property
    def total(self) -> int:
        """All its jobs."""
        counts = self.counts
        return counts.ready + counts.delayed + counts.leased + counts.buried


def queues(site: Site, declared: tuple[str, ...] = ()) -> list[Queue]:
    """Return every queue that has jobs, and those of `declared` that have none, by name.

    Raises ConfigurationError where the broker cannot list its queues and none is declared.
    """
    broker = site.shared.broker
    lists = isinstance(broker, Browsable)
    if not (lists or declared):
        raise ConfigurationError(
            f"the broker of TASKS[{site.alias!r}] ({type(broker).__name__}) cannot list its jobs: "
            "name its queues in QUEUES, so that they can be counted"
        )
    counts = own_counts(site, declared)
    for name in declared:
        counts.setdefault(name, Counts())
    return [
        Queue(name, counts[name], _waiting(site, name) if lists and counts[name].ready else None)
        for name in sorted(counts)
    ]


def own_counts(site: Site, declared: Iterable[str] = ()) -> dict[str, Counts]:
    """Return the counts of this site's queues, by their short names: those of `declared` only,
    where the broker cannot list them."""
    broker, view = site.shared.broker, site.shared.view
    found = {} if view is None else dict(view.queues())
    if not isinstance(broker, Browsable):
        for full in map(site.full_name, declared):
            there, here = broker.counts(full), found.get(full, Counts())
            found[full] = replace(there, delayed=there.delayed + here.delayed)
    named = ((site.short_name(full), counts) for full, counts in found.items())
    return {name: counts for name, counts in named if name is not None}


def unheard(site: Site, name: str, declared: Iterable[str]) -> str:
    """Return a sentence about a queue that is not declared and has no job, live or finished; an
    empty text for any other, and where nobody can know."""
    known = set(declared)
    if isinstance(site.shared.broker, Browsable):
        known |= own_counts(site).keys()
    elif not known:
        return ""
    if name in known or finished(site, queue=name, limit=1):
        return ""
    told = f"queue {name!r} has no jobs and is not declared"
    return f"{told}; {instead(name, known)}" if known else told


def _waiting(site: Site, queue: str) -> timedelta | None:
    oldest = next(
        iter(browser(site).jobs(queue=site.full_name(queue), state="ready", limit=1)), None
    )
    if oldest is None:
        return None
    envelope = oldest.envelope
    since = max(envelope.enqueued_at, envelope.due or envelope.enqueued_at)
    return max(clock.now() - since, timedelta())
