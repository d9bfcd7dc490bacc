"""Warns about jobs whose transaction has been open for long: of `atomic` jobs, by their start."""

import logging
import time

from django_convoy.worker.board import Region
from django_convoy.worker.layout import ATOMIC, RUNNING, Slot
from django_convoy.worker.parcel import UNREADABLE, unpack_lease

logger = logging.getLogger("django_convoy.steward")


class LongTransactions:
    """Says it once of each. limit: seconds; None: never."""

    def __init__(self, limit: float | None) -> None:
        self._limit = limit
        self._told: dict[tuple[int, int], int] = {}

    def look(self, region: Region, slot: Slot) -> float | None:
        """Look at one slot; return the seconds until it has to be looked at again, if at all."""
        if self._limit is None or slot.state != RUNNING or not slot.flags & ATOMIC:
            return None
        place = region.index, slot.index
        if self._told.get(place) == slot.serial:
            return None
        age = time.monotonic() - slot.started
        if age < self._limit:
            return self._limit - age
        self._told[place] = slot.serial
        try:
            envelope = unpack_lease(slot.lease)[0].envelope
        except UNREADABLE:
            return None
        logger.warning(
            "job %s (%s): its transaction has been open for %.1f s; "
            "it holds back vacuum and blocks others",
            envelope.id,
            envelope.task,
            age,
        )
        return None
