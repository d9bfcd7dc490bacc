"""Renews leases from outside the interpreters that run the jobs."""

import logging
import time
from collections.abc import Sequence
from itertools import zip_longest

from django_convoy.domain.envelope import Lease
from django_convoy.domain.renewal import Renewal, Renewed
from django_convoy.worker.board import Board, Region
from django_convoy.worker.ending import end_for
from django_convoy.worker.engine import Engine
from django_convoy.worker.layout import DEAD, LIVE, LOST_LEASE, OVER, RUNNING, SETTLED, Slot
from django_convoy.worker.parcel import UNREADABLE, unpack_lease
from django_convoy.worker.plan import Plan

logger = logging.getLogger("django_convoy.steward")


class Renewals:
    """Renews everything that is held, running, or ended and not yet settled."""

    def __init__(self, engine: Engine, board: Board, plan: Plan) -> None:
        self._engine = engine
        self._board = board
        self._plan = plan
        self._lost: set[tuple[int, int]] = set()
        self._look_at = 0.0

    @property
    def period(self) -> float:
        """Seconds between two renewals of a lease."""
        return self._plan.lease / 3

    def renew(self) -> None:
        """Renew what was not renewed for one period. Raises BrokerUnavailable."""
        now = time.monotonic()
        if now < self._look_at:
            return
        due: list[tuple[Region, Slot, Lease]] = []
        for region in self._board.regions(LIVE, DEAD):
            for slot in region.slots():
                # A little early rather than a whole period late.
                if now - slot.renewed < self.period * 0.9 or region.is_recalled(slot):
                    continue
                if slot.flags & SETTLED and slot.state == RUNNING:
                    continue  # at most once: there is no lease any more
                try:
                    due.append((region, slot, unpack_lease(slot.lease, slot.token)[0]))
                except UNREADABLE:
                    continue
        if due:
            self._renew(due, now)
        self._look_at = now + self.period * 0.3  # whatever is claimed now is not due before

    def _renew(self, due: list[tuple[Region, Slot, Lease]], now: float) -> None:
        answers: Sequence[Renewal | Renewed] = ()
        for region, slot, _ in due:  # whoever is refused from now on waits for the new tokens
            region.handle(slot.index).begin()
        try:
            answers = self._engine.own.broker.renew(
                [lease for _, _, lease in due], lease=self._plan.lease
            )
        finally:
            for (region, slot, lease), answer in zip_longest(due, answers):
                self._note(region, slot, lease, answer, now)

    def _note(
        self, region: Region, slot: Slot, lease: Lease, answer: Renewal | Renewed | None, now: float
    ) -> None:
        """Write down what the broker answered; None: nothing."""
        token = answer.token if isinstance(answer, Renewed) else ""
        kept = region.handle(slot.index).end(slot.serial, token)
        if answer is Renewal.LOST or not kept:
            self._was_lost(region, slot, lease)
        elif answer is Renewal.HELD or token:
            region.renewed(slot, now)

    def _was_lost(self, region: Region, slot: Slot, lease: Lease) -> None:
        same = region.read(slot.index)
        if same is None or same.serial != slot.serial or same.state != RUNNING:
            return  # settled meanwhile
        if same.flags & OVER:
            return  # being settled: that will say so
        key = region.index, slot.serial
        if key not in self._lost:
            self._lost.add(key)
            logger.warning(
                "job %s: its lease is lost while it runs (on_lost_lease: %s)",
                lease.id,
                self._plan.on_lost_lease,
            )
        if self._plan.on_lost_lease == "kill":
            end_for(region, LOST_LEASE, slot, family=self._plan.daemonize_workers)
