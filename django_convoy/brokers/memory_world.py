"""What views of one memory share, and how it is looked into."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django_convoy.contracts.broker import Browsable, Counts, Held
from django_convoy.domain import clock
from django_convoy.domain.envelope import NO_NOTE, Envelope, Note


@dataclass(slots=True)
class Row:
    """A job, as a row of the database broker's table has it."""

    envelope: Envelope
    state: str
    attempt: int = 0
    note: Note = NO_NOTE
    token: str = ""
    worker: str = ""
    started_at: datetime | None = None
    wake_at: datetime | None = None

    def wait(self, state: str, wake_at: datetime | None = None) -> None:
        """Be held by nobody any more."""
        self.state, self.wake_at = state, wake_at
        self.token, self.worker, self.started_at = "", "", None


class World:
    """Jobs, and the lock under which they change. changed: notified when there may be work."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.changed = threading.Condition()


class MemoryBrowsing(Browsable):
    """The role `Browsable` of the memory broker."""

    _world: World

    def find(self, job_id: str) -> Held | None:
        """Look one up."""
        with self._world.changed:
            row = self._world.rows.get(job_id)
            return None if row is None else _seen(row)

    def jobs(self, *, queue: str = "", state: str = "", limit: int = 100) -> Iterator[Held]:
        """Return copies, oldest first."""
        with self._world.changed:
            rows = [
                _seen(row)
                for row in self._world.rows.values()
                if queue in ("", row.envelope.queue) and state in ("", row.state)
            ]
        rows.sort(key=lambda held: held.envelope.id)
        return islice(rows, limit)

    def remove(self, job_id: str) -> Envelope | None:
        """Forget a job that nobody holds."""
        with self._world.changed:
            row = self._world.rows.get(job_id)
            if row is None or row.state == "leased":
                return None
            return self._world.rows.pop(job_id).envelope

    def revive(self, job_id: str) -> bool:
        """Make a job that waits or is set aside ready, with a clean note."""
        with self._world.changed:
            row = self._world.rows.get(job_id)
            if row is None or row.state not in ("buried", "delayed", "suspect"):
                return False
            row.note, row.attempt = NO_NOTE, 0
            row.wait("ready")
            self._world.changed.notify_all()
            return True

    def queues(self) -> Mapping[str, Counts]:
        """Count by queue and state."""
        with self._world.changed:
            pairs = Counter((row.envelope.queue, row.state) for row in self._world.rows.values())
        found: dict[str, Counter[str]] = {}
        for (queue, state), count in sorted(pairs.items()):
            found.setdefault(queue, Counter())["ready" if state == "suspect" else state] += count
        return {queue: Counts(**states) for queue, states in found.items()}

    def ready_queues(self) -> list[str]:
        """Return the queues of what is ready, and of what a claim would make ready."""
        now = clock.now()
        with self._world.changed:
            names = {
                row.envelope.queue
                for row in self._world.rows.values()
                if row.state in ("ready", "suspect")
                or (row.wake_at is not None and row.wake_at <= now)
            }
        return sorted(names)


def _seen(row: Row) -> Held:
    return Held(
        row.envelope, row.state, row.attempt, row.note, row.worker, row.started_at, row.wake_at
    )
