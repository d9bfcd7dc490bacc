"""Results in this process's memory, for tests."""

import threading
import time
from collections.abc import Iterator, Sequence

from django_convoy.contracts.store import SUCCESSFUL, Record, Retention, Store
from django_convoy.domain import clock


class MemoryStore(Store):
    """Keeps records until they are pruned, for all threads of the process."""

    durable = True

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._kept = threading.Condition()

    def finished(self, records: Sequence[Record]) -> None:
        """Keep records, and wake who waits for them."""
        with self._kept:
            for record in records:
                old = self._records.get(record.envelope.id)
                if old is None or old.status != SUCCESSFUL:
                    self._records[record.envelope.id] = record
            self._kept.notify_all()

    def get(self, job_id: str) -> Record | None:
        """Look one up."""
        with self._kept:
            return self._records.get(job_id)

    def wait(self, job_id: str, timeout: float) -> Record | None:
        """Wait to be woken by whoever keeps it."""
        deadline = time.monotonic() + timeout
        with self._kept:
            while job_id not in self._records:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._kept.wait(left)
            return self._records[job_id]

    def remove(self, job_id: str) -> Record | None:
        """Forget one record."""
        with self._kept:
            return self._records.pop(job_id, None)

    def prune(self, retention: Retention, *, limit: int, namespace: str | None = None) -> int:
        """Forget what is past its time, oldest first."""
        with self._kept:
            records = [one for one in self._records.values() if _is_within(namespace, one)]
            records.sort(key=lambda one: (one.finished_at, one.envelope.id))
            past = {one.envelope.id: one for one in _past(records, retention)}
            for job_id in list(past)[:limit]:
                del self._records[job_id]
            return min(len(past), limit)


def _is_within(namespace: str | None, record: Record) -> bool:
    own, colon, _ = record.envelope.queue.rpartition(":")
    return namespace is None or (own == namespace and bool(colon) == bool(namespace))


def _past(records: Sequence[Record], retention: Retention) -> Iterator[Record]:
    """Return what has to go; some of it twice. records: oldest first."""
    now = clock.now()
    for one in records:
        rule = retention.successes if one.status == SUCCESSFUL else retention.failures
        age = one.keep if one.keep is not None else rule
        if age is not None and one.finished_at + age <= now:
            yield one
    if retention.newest_successes is not None:
        counted = [one for one in records if one.status == SUCCESSFUL and one.keep is None]
        yield from counted[: max(0, len(counted) - retention.newest_successes)]
