"""What one transaction brought into the outbox, sent by who committed it."""

import logging
import time
from collections.abc import Sequence

from django_convoy.contracts.broker import Broker, Held
from django_convoy.domain import ids
from django_convoy.domain.envelope import NO_NOTE, Envelope
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.outbox.once import send_once
from django_convoy.outbox.spill import Spill, send
from django_convoy.outbox.table import GRACE, SEND, Table

logger = logging.getLogger("django_convoy.outbox")
MOST = 1000
"""Jobs that are kept in memory until the commit; of more, only that they are there."""


class Delivery:
    """Called after the commit. The rows are ours for `GRACE` seconds since each was written."""

    def __init__(self, table: Table, broker: Broker, spill: Spill | None) -> None:
        self.table = table
        self.token = ids.token()
        self._broker = broker
        self._spill = spill
        self._jobs: list[Envelope] | None = []
        self._count = 0
        self._first = self._last = ""
        self._began = time.monotonic()

    def add(self, jobs: Sequence[Envelope]) -> None:
        """Take on jobs that were written with our token."""
        self._count += len(jobs)
        lowest, highest = min(one.id for one in jobs), max(one.id for one in jobs)
        self._first = min(self._first or lowest, lowest)
        self._last = max(self._last, highest)
        if self._jobs is not None:
            self._jobs = [*self._jobs, *jobs] if self._count <= MOST else None

    def __call__(self) -> None:
        """Send them, and forget the rows. What cannot be sent now, a steward sends."""
        try:
            if self._jobs is not None and time.monotonic() < self._began + GRACE / 2:
                self._send(self._jobs)
            else:
                self._send_what_is_ours()
        except BrokerUnavailable as error:
            if error.arrived and not self._broker.capabilities.leases:
                return  # it was said that they may be lost
            logger.warning("jobs wait in the outbox, %d at most: %s", self._count, error)

    def _send(self, jobs: Sequence[Envelope]) -> None:
        if not self._broker.capabilities.leases:
            held = [Held(one, SEND, 0, NO_NOTE) for one in jobs]
            send_once(self.table, self.token, held, lambda ours: self._push(_envelopes(ours)))
            return
        self._push(jobs)
        self.table.delete([one.id for one in jobs])

    def _push(self, jobs: Sequence[Envelope]) -> None:
        send(self._broker.push, self._spill, jobs)

    def _send_what_is_ours(self) -> None:
        after = self._first[:-1]  # the beginning of a text comes before it
        while after < self._last:
            after, own = self.table.next_own(self.token, after, self._last, MOST)
            if own and (held := self.table.take_own(self.token, own)):
                self._send(_envelopes(held))


def _envelopes(jobs: Sequence[Held]) -> list[Envelope]:
    return [one.envelope for one in jobs]
