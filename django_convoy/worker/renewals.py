"""Renews leases from outside the interpreters that run the jobs."""

import logging
import time

from django_convoy.domain.envelope import Lease
from django_convoy.domain.renewal import Renewal
from django_convoy.worker.board import DEAD, LIVE, LOST_LEASE, RUNNING, SETTLED, Board, Region, Slot
from django_convoy.worker.ending import end_for
from django_convoy.worker.engine import Engine
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
                    due.append((region, slot, unpack_lease(slot.lease)[0]))
                except UNREADABLE:
                    continue
        if due:
            self._renew(due, now)
        self._look_at = now + self.period * 0.3  # whatever is claimed now is not due before

    def _renew(self, due: list[tuple[Region, Slot, Lease]], now: float) -> None:
        leases = [lease for _, _, lease in due]
        answers = self._engine.own.broker.renew(leases, lease=self._plan.lease)
        for (region, slot, lease), answer in zip(due, answers, strict=True):
            if answer is Renewal.HELD:
                region.renewed(slot, now)
            elif answer is Renewal.LOST:
                self._was_lost(region, slot, lease)

    def _was_lost(self, region: Region, slot: Slot, lease: Lease) -> None:
        same = region.read(slot.index)
        if same is None or same.serial != slot.serial or same.state != RUNNING:
            return  # settled meanwhile
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
