"""A broker's jobs and those on their way to it, as one."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from django_convoy.contracts.broker import Broker, Browsable, Counts, Held
from django_convoy.contracts.store import Store
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import PayloadError
from django_convoy.outbox.arrival import has_arrived
from django_convoy.outbox.once import send_withdrawn
from django_convoy.outbox.spill import Spill, is_spilled, send
from django_convoy.outbox.table import PARKED, Table

ON_ITS_WAY = "it is in the outbox, to be sent to its broker"


class Overview(Browsable):
    """What can be seen of one backend: of a broker that cannot be looked into, the outbox."""

    def __init__(self, broker: Broker, store: Store, table: Table, spill: Spill | None) -> None:
        self._broker = broker
        self._store = store
        self._browsable = broker if isinstance(broker, Browsable) else None
        self._table = table
        self._spill = spill

    def find(self, job_id: str) -> Held | None:
        """Look into the outbox first: a job goes from there to the broker."""
        if self._table.exists() and (found := self._table.find(job_id)) is not None:
            return _as_delayed(found)
        there = None if self._browsable is None else self._browsable.find(job_id)
        return there if there is None or self._spill is None else _whole(there, self._spill)

    def jobs(self, *, queue: str = "", state: str = "", limit: int = 100) -> Iterator[Held]:
        """Return both, oldest first."""
        lists: list[Iterator[Held]] = []
        if state in ("", "delayed") and self._table.exists():
            lists.append(map(_as_delayed, self._table.jobs(queue=queue, limit=limit)))
        if self._browsable is not None:
            lists.append(self._browsable.jobs(queue=queue, state=state, limit=limit))
        return islice(heapq.merge(*lists, key=lambda held: held.envelope.id), limit)

    def remove(self, job_id: str) -> Envelope | None:
        """Remove it wherever it is."""
        if self._table.exists() and (found := self._table.remove(job_id)) is not None:
            return found
        gone = None if self._browsable is None else self._browsable.remove(job_id)
        if self._spill is not None and gone is not None and is_spilled(gone):
            self._spill.delete([job_id])
        return gone

    def revive(self, job_id: str) -> bool:
        """Send it at once, or make it ready where it is."""
        if self._table.exists() and self._send_now(job_id):
            return True
        return self._browsable is not None and self._browsable.revive(job_id)

    def _send_now(self, job_id: str) -> bool:
        if (found := self._table.find(job_id)) is None:
            return False
        job = replace(found, envelope=replace(found.envelope, due=None))
        if not self._broker.capabilities.leases:
            if self._table.remove(job_id) is None:
                return False
            send_withdrawn(self._table, "", [job], self._push)
            return True
        if self._table.take_one(job_id) is None:
            return False
        # Whoever sent it may have got no answer.
        if found.state == PARKED or not has_arrived(self._broker, self._store, job_id):
            self._push([job])
        self._table.delete([job_id])
        return True

    def _push(self, jobs: Sequence[Held]) -> None:
        send(self._broker.push, self._spill, [one.envelope for one in jobs])

    def queues(self) -> Mapping[str, Counts]:
        """Add what waits here to what is delayed there."""
        found = {} if self._browsable is None else dict(self._browsable.queues())
        if self._table.exists():
            for name, own in self._table.queues().items():
                counts = found.get(name, Counts())
                found[name] = replace(counts, delayed=counts.delayed + own.delayed)
        return dict(sorted(found.items()))

    def ready_queues(self) -> list[str]:
        """Return the broker's: nothing here is ready."""
        return [] if self._browsable is None else self._browsable.ready_queues()


def _whole(job: Held, spill: Spill) -> Held:
    """Return it with its payload, where that is still there."""
    try:
        return replace(job, envelope=spill.whole(job.envelope))
    except PayloadError:
        return job


def _as_delayed(job: Held) -> Held:
    """Return a row as a delayed job."""
    note = job.note
    if job.state != PARKED and not note.waiting:
        note = replace(note, waiting=ON_ITS_WAY)
    return replace(job, state="delayed", wake_at=job.envelope.due, note=note)
