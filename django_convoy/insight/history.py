"""Finished jobs, by the table that keeps them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet

from django_convoy.contracts.store import FAILED, QUARANTINED, STATUSES
from django_convoy.db.models import FinishedJob
from django_convoy.db.session import Session
from django_convoy.domain import clock
from django_convoy.insight.clocks import aware
from django_convoy.insight.site import Site, own_rows


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished job in a list. Times are aware."""

    id: str
    queue: str
    task: str
    status: str
    attempt: int
    enqueued_at: datetime
    started_at: datetime | None
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Rate:
    """How many jobs ended within `minutes`, by status."""

    minutes: float
    by_status: dict[str, int]

    @property
    def per_minute(self) -> float:
        """All of them, per minute."""
        return sum(self.by_status.values()) / self.minutes


def rows(site: Site) -> QuerySet[FinishedJob] | None:
    """Return this site's rows of the history, None where the store has no table."""
    alias = site.shared.store.alias
    if alias is None:
        return None
    return own_rows(site, FinishedJob.objects.using(alias).all())


def finished(
    site: Site,
    *,
    queue: str = "",
    statuses: Iterable[str] = (),
    task: str = "",
    limit: int = 100,
) -> list[Finished] | None:
    """Return finished jobs, the newest first; None where the store cannot list them."""
    found = rows(site)
    if found is None:
        return None
    if queue:
        found = found.filter(queue=site.full_name(queue))
    if statuses:
        found = found.filter(status__in=list(statuses))
    if task:
        found = found.filter(task__contains=task)
    chosen = found.defer("payload", "result").order_by("-finished_at", "-id")[:limit]
    return [_finished(site, row) for row in _read(site, chosen)]


def ids(
    site: Site,
    *,
    statuses: Iterable[str],
    queue: str = "",
    task: str = "",
    after: str = "",
    limit: int = 500,
) -> list[str] | None:
    """Return ids of finished jobs above `after`, in order; None where it cannot list them."""
    found = rows(site)
    if found is None:
        return None
    found = found.filter(status__in=list(statuses), task__contains=task, id__gt=after)
    if queue:
        found = found.filter(queue=site.full_name(queue))
    return _read(site, found.order_by("id").values_list("id", flat=True)[:limit])


def forget(site: Site, older_than: timedelta, limit: int = 500) -> int | None:
    """Delete up to `limit` records that are older; return how many, None without a table."""
    found = rows(site)
    if found is None:
        return None
    old = found.filter(finished_at__lt=clock.now() - older_than)
    chosen = _read(site, old.values_list("id", flat=True)[:limit])
    return int(_step(site, lambda: found.filter(id__in=chosen).delete()[0])) if chosen else 0


def failures(site: Site) -> int | None:
    """Return how many jobs failed or are quarantined, None where nobody knows."""
    found = rows(site)
    if found is None:
        return None
    failed = found.filter(status__in=[FAILED, QUARANTINED])
    return int(_step(site, failed.count))


def rate(site: Site, minutes: float = 5) -> Rate | None:
    """Return how many jobs ended lately, None where nobody knows."""
    found = rows(site)
    if found is None:
        return None
    since = clock.now() - timedelta(minutes=minutes)
    # By status too, so that the index on (status, finished_at) serves it.
    recent = found.filter(status__in=STATUSES, finished_at__gte=since)
    pairs = _read(site, recent.values_list("status").annotate(Count("id")).order_by())
    return Rate(minutes, dict(pairs))


def _read(site: Site, query: Any) -> list[Any]:
    return list(_step(site, lambda: list(query)))


def _step(site: Site, work: Any) -> Any:
    """Run a query; a missing table becomes the sentence that says what to do."""
    return Session(site.shared.store.alias or "default").step(work)


def _finished(site: Site, row: FinishedJob) -> Finished:
    return Finished(
        row.id,
        site.short_name(row.queue) or row.queue,
        row.task,
        row.status,
        row.attempt,
        aware(row.enqueued_at),
        row.started_at and aware(row.started_at),
        aware(row.finished_at),
    )
