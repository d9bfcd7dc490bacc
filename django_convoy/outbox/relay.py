"""Sends what is due in the outbox: what a crash or an outage left there, and what was parked."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from django_convoy.contracts.broker import Adopter, Broker, Held
from django_convoy.contracts.store import Store
from django_convoy.domain.envelope import NO_NOTE
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.outbox.arrival import has_arrived
from django_convoy.outbox.dispatch import NEAR
from django_convoy.outbox.once import Send, send_once
from django_convoy.outbox.spill import Spill, hand_over, send
from django_convoy.outbox.table import PARKED, Table

logger = logging.getLogger("django_convoy.outbox")
LIMIT = 500
LOOK_SECONDS = 30.0
"""The most seconds between two looks: leftovers of a crash are nobody's to announce."""
TAKEN_SECONDS = 0.1
"""The pause where rows are due and somebody else takes them."""
REFUSED_SECONDS = 60.0
"""After so many seconds a job is tried again that its broker refused."""


class Relay:
    """Sends the rows of one backend. Any number may run at once."""

    def __init__(self, table: Table, broker: Broker, store: Store, spill: Spill | None) -> None:
        self._table = table
        self._broker = broker
        self._spill = spill
        self._store = store
        self._once = not broker.capabilities.leases
        longest = broker.capabilities.max_delay
        # What is parked comes this much before its time, so it is seen in time.
        margin = LOOK_SECONDS if longest is None else longest.total_seconds() * (1 - NEAR) / 2
        self.look_seconds = min(LOOK_SECONDS, margin)

    def step(self) -> float:
        """Send what is due, a bounded number; return the seconds until the next look.

        Raises BrokerUnavailable, also where the outbox itself cannot be reached.
        """
        if not self._table.exists():
            return self.look_seconds
        due = self._table.next_due()
        if due is None or due > 0:
            return self.look_seconds if due is None else min(due, self.look_seconds)
        token, jobs = self._table.take(LIMIT)
        if not jobs:
            return TAKEN_SECONDS
        try:
            self._send(token, jobs)
        except BrokerUnavailable:
            # Where this fails as well, they are taken again when our hold is over.
            self._table.put_back(token, jobs, 0.0)
            raise
        return 0.0

    def close(self) -> None:
        """Give back the connection."""
        self._table.session.close()

    def _send(self, token: str, jobs: Sequence[Held]) -> None:
        if self._once:
            self._try(token, jobs, partial(send_once, self._table, token, send=self._hand_over))
            return
        # Whoever died may have died between sending a job and saying so.
        fresh = [one for one in jobs if one.state == PARKED or not self._has_arrived(one)]
        refused = self._try(token, fresh, self._hand_over)
        self._table.delete([one.envelope.id for one in jobs if one.envelope.id not in refused])

    def _try(self, token: str, jobs: Sequence[Held], send: Send) -> set[str]:
        """Send jobs together, else each alone; return the ids of those that were refused."""
        try:
            send(jobs)
        except BrokerUnavailable:
            raise
        except Exception:
            return self._one_by_one(token, jobs, send)
        return set()

    def _has_arrived(self, job: Held) -> bool:
        return has_arrived(self._broker, self._store, job.envelope.id)

    def _hand_over(self, jobs: Sequence[Held]) -> None:
        broker = self._broker
        moved = [one for one in jobs if one.attempt or replace(one.note, waiting="") != NO_NOTE]
        if moved and isinstance(broker, Adopter):
            known = [replace(one, state="", note=replace(one.note, waiting="")) for one in moved]
            hand_over(broker, self._spill, known)
            jobs = [one for one in jobs if one not in moved]
        if jobs:
            send(broker.push, self._spill, [one.envelope for one in jobs])

    def _one_by_one(self, token: str, jobs: Sequence[Held], send: Send) -> set[str]:
        refused = set()
        for one in jobs:
            try:
                send([one])
            except BrokerUnavailable:
                raise
            except Exception as error:
                job_id = one.envelope.id
                refused.add(job_id)
                why = f"its broker refused it: {error}"
                logger.warning("job %s waits in the outbox: %s", job_id, why)
                self._table.put_back(token, [one], REFUSED_SECONDS, why)
        return refused
