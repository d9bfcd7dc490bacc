"""How the queues of a site stand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django_convoy.contracts.broker import Browsable, Counts
from django_convoy.domain import clock
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

    Raises ConfigurationError where the broker cannot list its jobs.
    """
    broker = browser(site)
    counts = own_counts(site, broker)
    for name in declared:
        counts.setdefault(name, Counts())
    return [
        Queue(name, counts[name], _waiting(site, broker, name) if counts[name].ready else None)
        for name in sorted(counts)
    ]


def own_counts(site: Site, broker: Browsable) -> dict[str, Counts]:
    """Return the counts of this site's queues, by their short names."""
    found: Mapping[str, Counts] = broker.queues()
    named = ((site.short_name(full), counts) for full, counts in found.items())
    return {name: counts for name, counts in named if name is not None}


def unheard(site: Site, name: str, declared: Iterable[str]) -> str:
    """Return a sentence about a queue that is not declared and has no job, live or finished; an
    empty text for any other, and where nobody can know."""
    known, broker = set(declared), site.shared.broker
    if isinstance(broker, Browsable):
        known |= own_counts(site, broker).keys()
    elif not known:
        return ""
    if name in known or finished(site, queue=name, limit=1):
        return ""
    told = f"queue {name!r} has no jobs and is not declared"
    return f"{told}; {instead(name, known)}" if known else told


def _waiting(site: Site, broker: Browsable, queue: str) -> timedelta | None:
    oldest = next(iter(broker.jobs(queue=site.full_name(queue), state="ready", limit=1)), None)
    if oldest is None:
        return None
    envelope = oldest.envelope
    since = max(envelope.enqueued_at, envelope.due or envelope.enqueued_at)
    return max(clock.now() - since, timedelta())
