"""Jobs in this process's memory: the contract in its shortest form, for tests."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django_convoy.brokers.memory_world import MemoryBrowsing, Row, World
from django_convoy.contracts.broker import Broker, Counts
from django_convoy.domain import clock, ids
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import Envelope, Lease
from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import Again, Bury, Verdict

LAPSED = "its lease lapsed: the worker is gone"
POLL = 1.0
"""Seconds between two looks of a claim that waits: which queues it serves may have changed."""


class MemoryBroker(Broker, MemoryBrowsing):
    """One process's view onto a world; two views of one world are as two processes."""

    capabilities = Capabilities(shared=False)

    def __init__(self, world: World | None = None) -> None:
        self._world = world or World()
        self._interrupted = False

    def push(self, envelopes: Iterable[Envelope]) -> None:
        """Take jobs in; one that is there already stays as it is."""
        envelopes = list(envelopes)
        with self._world.changed:
            now = clock.now()
            for one in envelopes:
                later = one.due is not None and one.due > now
                row = Row(one, "delayed" if later else "ready", wake_at=one.due if later else None)
                self._world.rows.setdefault(one.id, row)
            self._world.changed.notify_all()

    def claim(
        self,
        queues: Iterable[str],
        *,
        limit: int,
        lease: float,
        worker: str,
        wait: float = 0,
        may_suspect: Callable[[], bool] = lambda: True,
    ) -> list[Lease]:
        """Look, and sleep until something changes or falls due."""
        deadline = time.monotonic() + wait
        changed = self._world.changed
        with changed:
            try:
                while True:
                    self._sweep()
                    rows = self._choose(list(queues), limit, may_suspect)
                    left = deadline - time.monotonic()
                    if rows or left <= 0 or self._interrupted:
                        return self._take(rows, lease, worker)
                    due = self.next_due()
                    changed.wait(min(left, POLL if due is None else min(due, POLL)))
            finally:
                self._interrupted = False

    def _sweep(self) -> None:
        """Make ready what fell due, and suspects of what lapsed."""
        now = clock.now()
        for row in self._world.rows.values():
            if row.wake_at is None or row.wake_at > now:
                continue
            if row.state == "leased":
                note = row.note
                # Alone when it lapsed, and once more: now it is known to be the one.
                crashes = note.crashes + note.suspect
                row.note = replace(note, crashes=crashes, suspect=True, ended=LAPSED)
            row.wait("suspect" if row.note.suspect else "ready")

    def _choose(
        self, queues: Sequence[str], limit: int, may_suspect: Callable[[], bool]
    ) -> list[Row]:
        suspects = self._waiting(queues, "suspect")
        if suspects and may_suspect():
            return suspects[:1]
        return self._waiting(queues, "ready")[:limit]

    def _waiting(self, queues: Sequence[str], state: str) -> list[Row]:
        """Return rows in the order of their queues, then by priority and age."""
        place = {queue: index for index, queue in reversed(list(enumerate(queues)))}
        rows = self._world.rows.values()
        found = [row for row in rows if row.state == state and row.envelope.queue in place]
        found.sort(key=lambda r: (place[r.envelope.queue], -r.envelope.priority, r.envelope.id))
        return found

    def _take(self, rows: Sequence[Row], lease: float, worker: str) -> list[Lease]:
        token, until = ids.token(), clock.now() + timedelta(seconds=lease)
        for row in rows:
            row.state, row.wake_at, row.token, row.worker = "leased", until, token, worker
            row.attempt += 1
        return [Lease(row.envelope, token, row.attempt, row.note) for row in rows]

    def _held(self, lease: Lease) -> Row | None:
        row = self._world.rows.get(lease.id)
        return row if row is not None and row.token == lease.token else None

    def renew(self, leases: Sequence[Lease], *, lease: float) -> list[Renewal]:
        """Put their ends off."""
        answers = []
        with self._world.changed:
            until = clock.now() + timedelta(seconds=lease)
            for one in leases:
                row = self._held(one)
                if row is not None:
                    row.wake_at = until
                answers.append(Renewal.LOST if row is None else Renewal.HELD)
        return answers

    def settle(self, settlements: Sequence[tuple[Lease, Verdict]]) -> list[bool]:
        """Forget what is done, put back what runs again, set aside what is buried."""
        answers = []
        with self._world.changed:
            for lease, verdict in settlements:
                row = self._held(lease)
                if row is not None:
                    self._end(row, verdict)
                answers.append(row is not None)
            self._world.changed.notify_all()
        return answers

    def _end(self, row: Row, verdict: Verdict) -> None:
        if isinstance(verdict, Again):
            row.note = verdict.note
            row.attempt -= verdict.refund
            if verdict.delay > 0:
                row.wait("delayed", clock.now() + timedelta(seconds=verdict.delay))
            else:
                row.wait("suspect" if verdict.note.suspect else "ready")
        elif isinstance(verdict, Bury):
            row.note = verdict.note
            row.wait("buried")
        else:
            del self._world.rows[row.envelope.id]

    def counts(self, queue: str) -> Counts:
        """Count the jobs of one queue."""
        return self.queues().get(queue, Counts())

    def purge(self, queue: str) -> int:
        """Forget what nobody holds."""
        return self._forget(lambda row: row.envelope.queue == queue and row.state != "leased")

    def delete(self, queue: str) -> int:
        """Forget all of it."""
        return self._forget(lambda row: row.envelope.queue == queue)

    def _forget(self, whether: Callable[[Row], bool]) -> int:
        with self._world.changed:
            rows = self._world.rows
            gone = [job_id for job_id, row in rows.items() if whether(row)]
            for job_id in gone:
                del rows[job_id]
            return len(gone)

    def next_due(self) -> float | None:
        """Return the seconds until a delayed job is due or a lease lapses."""
        with self._world.changed:
            times = [row.wake_at for row in self._world.rows.values() if row.wake_at is not None]
        return max(0.0, (min(times) - clock.now()).total_seconds()) if times else None

    def interrupt(self) -> None:
        """End the claim that waits, else the next one."""
        self._interrupted = True
        with self._world.changed:
            self._world.changed.notify_all()

    def mark_started(self, leases: Sequence[tuple[Lease, datetime]]) -> None:
        """Note when held jobs began."""
        with self._world.changed:
            for lease, started_at in leases:
                if (row := self._held(lease)) is not None:
                    row.started_at = started_at
