"""Result stores keep what became of jobs."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from django_convoy.domain.envelope import Envelope, Note

SUCCESSFUL = "SUCCESSFUL"
FAILED = "FAILED"
CANCELLED = "CANCELLED"
QUARANTINED = "QUARANTINED"
STATUSES = (SUCCESSFUL, FAILED, CANCELLED, QUARANTINED)


@dataclass(slots=True)
class Record:
    """A finished job.

    result: the serialized return value; None when there is none or it is not kept.
    note: errors of all runs, the workers of earlier runs, crashes.
    worker: who ran it last; empty if nobody did.
    started_at: when that run began; the note has when the first did, if it was another.
    keep: how long this record is kept; None: as the store's retention says.
    """

    envelope: Envelope
    status: str
    attempt: int
    note: Note
    result: str | None
    started_at: datetime | None
    finished_at: datetime
    keep: timedelta | None = None
    worker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What pruning removes. None: never.

    successes, failures: how long records are kept, by their outcome.
    newest_successes: at most so many successes are kept, the newest.
    """

    successes: timedelta | None = timedelta(days=7)
    failures: timedelta | None = None
    newest_successes: int | None = None


class Store(ABC):
    """Keeps records of finished jobs."""

    durable: ClassVar[bool]
    """Whether records stay until they are pruned; where not, failed jobs stay in the broker."""

    alias: str | None = None
    """The database it writes to, so that recording and settling may share a transaction."""

    @abstractmethod
    def finished(self, records: Sequence[Record]) -> None:
        """Keep records; a second one of the same job replaces a failure, never a success."""

    @abstractmethod
    def get(self, job_id: str) -> Record | None:
        """Return a record, or None."""

    def wait(self, job_id: str, timeout: float) -> Record | None:
        """Wait up to `timeout` seconds for a record. Here: looks, ever less often."""
        deadline = time.monotonic() + timeout
        pause = 0.005
        while True:
            record = self.get(job_id)
            left = deadline - time.monotonic()
            if record is not None or left <= 0:
                return record
            self.pause(min(pause, left))
            pause = min(pause * 1.5, 0.5)

    def pause(self, seconds: float) -> None:
        """Sleep until something may have finished, at most `seconds`."""
        time.sleep(seconds)

    def remove(self, job_id: str) -> Record | None:
        """Forget one record, for a job that runs again; return it."""
        return None

    def remark(self, job_id: str, text: str) -> None:
        """Add to a record what went wrong after its job was over. May do nothing."""

    def prune(self, retention: Retention, *, limit: int, namespace: str | None = None) -> int:
        """Forget up to `limit` records that are past their time; return how many.

        namespace: only those of its queues, as `namespace:queue`; of queues without one if it is
        empty; of all if it is None. Sites may share a store, each with a retention of its own.
        """
        return 0

    def close(self) -> None:
        """Give back connections and files. The store may be used again."""
