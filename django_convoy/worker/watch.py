"""Looks at the board for workers that cannot: their interpreter may be busy for minutes.

Takes back jobs stuck unstarted behind a slow one, settles outcomes that wait behind it, and
marks what has been running for a moment. Warns about transactions that stay open.
"""

import logging
import time
from datetime import datetime, timedelta

from django_convoy.core.settling import Conclusion, conclude
from django_convoy.domain import clock
from django_convoy.domain.envelope import Lease
from django_convoy.domain.outcome import Released
from django_convoy.worker.board import Board, Region
from django_convoy.worker.engine import Engine
from django_convoy.worker.layout import ENDED, HELD, LIVE, RUNNING, Slot
from django_convoy.worker.ledger import lost, settle
from django_convoy.worker.parcel import UNREADABLE as UNREADABLE
from django_convoy.worker.parcel import unpack_lease, unpack_outcome
from django_convoy.worker.transactions import LongTransactions

logger = logging.getLogger("django_convoy.steward")
SLOW_SECONDS = 0.1
"""A body that runs longer reads RUNNING, and what waits behind it is taken back."""
SOON_SECONDS = 0.02
"""For so long outcomes may wait behind a running body."""
LEAST_SECONDS = 0.005
"""The least between two looks for that."""


class Watch:
    """One look at all living workers."""

    def __init__(self, engine: Engine, board: Board) -> None:
        self._engine = engine
        self._board = board
        self._transactions = LongTransactions(engine.long_transaction)
        self._marked: dict[tuple[int, int], int] = {}
        self._owed: list[Conclusion] = []
        """What was taken from workers, and is to be settled by us however long that takes."""

    def look(self) -> float | None:
        """Do what is to be done now; return in how many seconds to look again, if at all.

        Raises BrokerUnavailable; the next look goes on.
        """
        soon: float | None = None
        started: dict[tuple[int, int], int] = {}
        marks = []
        now = time.monotonic()
        for region in self._board.regions(LIVE):
            running = self._slots(region, RUNNING)
            if not running:
                if region.has():
                    soon = _sooner(soon, SLOW_SECONDS)
                continue
            longest = now - min(slot.started for slot in running)
            for slot in running:
                if (later := self._transactions.look(region, slot)) is not None:
                    soon = _sooner(soon, later)
                if found := self._began(region, slot, now):
                    marks += found
                    started[region.index, slot.index] = slot.serial
            if region.has(ENDED):
                left = SOON_SECONDS - longest
                soon = _sooner(soon, max(left, LEAST_SECONDS) if left > 0 else SOON_SECONDS)
                if left <= 0:
                    for slot in self._slots(region, ENDED):
                        self._owed += self._finish(region, slot)
            if longest < SLOW_SECONDS:
                soon = _sooner(soon, SLOW_SECONDS)
            else:
                for slot in self._slots(region, HELD):
                    self._owed += self._take_back(region, slot)
        if self._owed:
            held = settle(self._engine.own, self._owed)
            owed, self._owed = self._owed, []
            for conclusion, ok in zip(owed, held, strict=True):
                if not ok:
                    self._refused(conclusion)
        if marks:
            self._engine.own.broker.mark_started(marks)
            self._marked.update(started)
        return soon

    def _slots(self, region: Region, state: int) -> list[Slot]:
        return [slot for slot in region.slots(state) if not region.is_recalled(slot)]

    def _refused(self, conclusion: Conclusion) -> None:
        """Say that an outcome is lost, unless its worker settled it at the same moment."""
        store = self._engine.own.store
        if conclusion.record is None or not store.durable:
            return  # nobody could tell
        kept = store.get(conclusion.lease.id)
        if kept is None or kept.attempt != conclusion.lease.attempt:
            lost(conclusion.lease.id)

    def _take_back(self, region: Region, slot: Slot) -> list[Conclusion]:
        # Whoever has the byte's lock decides; the mark outlives the lock.
        if not self._board.lock(region.index, slot.index):
            return []
        try:
            same = region.read(slot.index)
            if same is None or same.serial != slot.serial or same.state != HELD:
                return []
            region.recall(slot)
        finally:
            self._board.unlock(region.index, slot.index)
        try:
            lease, _ = unpack_lease(slot.lease, slot.token)
        except UNREADABLE:
            return []
        return [_concluded(lease, Released("", 0.0))]

    def _finish(self, region: Region, slot: Slot) -> list[Conclusion]:
        finished = ended(slot)
        if finished is None:
            return []
        # The worker may settle it at the same moment: the fence lets one of us through.
        region.recall(slot)
        return [finished]

    def _began(self, region: Region, slot: Slot, now: float) -> list[tuple[Lease, datetime]]:
        known = self._marked.get((region.index, slot.index)) == slot.serial
        if known or now - slot.started < SLOW_SECONDS:
            return []
        try:
            lease, _ = unpack_lease(slot.lease, slot.token)
        except UNREADABLE:
            return []
        return [(lease, clock.now() - timedelta(seconds=now - slot.started))]


def _sooner(soon: float | None, seconds: float) -> float:
    return seconds if soon is None else min(soon, seconds)


def _concluded(lease: Lease, outcome: Released) -> Conclusion:
    return conclude(lease, outcome, worker="", started_at=None, finished_at=clock.now())


def ended(slot: Slot) -> Conclusion | None:
    """Return the conclusion of an outcome on the board, None if it has to be left alone."""
    try:
        lease, complete = unpack_lease(slot.lease, slot.token)
        outcome, started_at, finished_at, keep, worker = unpack_outcome(slot.outcome)
    except UNREADABLE:
        return None
    if not complete:
        return None
    conclusion = conclude(
        lease, outcome, worker=worker, started_at=started_at, finished_at=finished_at
    )
    if conclusion.record is not None:
        conclusion.record.keep = keep
    return conclusion
