"""The supervisors that reported, and which of them have gone silent."""

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django_convoy.core import lanes
from django_convoy.db.models import WorkerProcess
from django_convoy.db.session import Session
from django_convoy.domain.errors import ConfigurationError
from django_convoy.insight.clocks import aware, store_now
from django_convoy.insight.site import Site, tables

SILENT_AFTER = timedelta(seconds=40)
"""A supervisor that has not reported for so long is taken for gone."""
STOP = "stop"


@dataclass(frozen=True, slots=True)
class Worker:
    """One supervisor, as it last reported. age: of that report."""

    id: str
    name: str
    host: str
    pid: int
    queues: str
    version: str
    state: str
    command: str
    started_at: datetime
    seen_at: datetime
    age: timedelta
    report: dict[str, Any]

    @property
    def silent(self) -> bool:
        """Whether it should have reported long ago."""
        return self.age > SILENT_AFTER

    @property
    def processes(self) -> list[dict[str, Any]]:
        """Each worker process: id, pid, jobs, running."""
        found = self.report.get("workers")
        return found if isinstance(found, list) else []

    @property
    def cut_off(self) -> tuple[datetime, str] | None:
        """Since when it cannot reach its broker, and why; None if it can."""
        found: Any = self.report.get("cut_off")
        try:
            return datetime.fromisoformat(found["since"]), str(found["why"])
        except (TypeError, KeyError, ValueError):
            return None

    @property
    def running(self) -> int:
        """How many jobs ran when it reported."""
        return sum(len(one.get("running", ())) for one in self.processes)

    def serves(self, queue: str) -> bool:
        """Return whether it runs jobs of a queue (its short name)."""
        try:
            named = {lane.name for lane in lanes.parse(self.queues)}
        except ConfigurationError:
            return False
        return bool(named & {queue, lanes.EVERY})


def workers(site: Site) -> list[Worker]:
    """Return the supervisors of this alias, by host and name."""
    alias = tables(site)
    found = WorkerProcess.objects.using(alias).filter(backend=site.alias)
    session = Session(alias)
    processes = session.step(lambda: list(found.order_by("host", "name", "started_at")))
    now = store_now(alias) if processes else None
    return [_worker(process, now) for process in processes if now is not None]


def tell_to_stop(site: Site, ids: Iterable[str]) -> int:
    """Ask supervisors to stop; they look when they next report. Returns how many were told."""
    alias = tables(site)
    rows = WorkerProcess.objects.using(alias).filter(id__in=list(ids))
    return Session(alias).step(lambda: rows.update(command=STOP))


def unserved(site: Site, waiting: Iterable[str]) -> list[str]:
    """Return those of the queues that no supervisor serves which still reports."""
    alive = [worker for worker in workers(site) if not worker.silent]
    return [queue for queue in waiting if not any(one.serves(queue) for one in alive)]


def _worker(row: WorkerProcess, now: datetime) -> Worker:
    report: Any = None
    with contextlib.suppress(ValueError):
        report = json.loads(row.report)
    seen_at = aware(row.seen_at)
    return Worker(
        id=row.id,
        name=row.name,
        host=row.host,
        pid=row.pid,
        queues=row.queues,
        version=row.version,
        state=row.state,
        command=row.command,
        started_at=aware(row.started_at),
        seen_at=seen_at,
        age=max(now - seen_at, timedelta()),
        report=report if isinstance(report, dict) else {},
    )
