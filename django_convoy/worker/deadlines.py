"""Hard timeouts: the supervisor's side."""

import logging
import os
import signal
import time

from django_convoy.worker.board import Board, Region
from django_convoy.worker.ending import end_for
from django_convoy.worker.layout import KILL_ON_STOP, LIVE, NOT_KILLED, OVERDUE, RUNNING, STOPPED

logger = logging.getLogger("django_convoy.supervisor")
FAR = 3600.0
NEIGHBOUR_LOOK = 0.2


def end_kill_on_stop(region: Region, *, family: bool) -> None:
    """Kill a stopping worker whose running job asked for that."""
    for slot in region.slots():
        if slot.state == RUNNING and slot.flags & KILL_ON_STOP:
            end_for(region, STOPPED, slot, family=family)
            return


class Deadlines:
    """Watches the deadlines that stand on the board.

    drain: seconds that the neighbours of an overdue job get. family: whether what the tasks
    of a killed worker started ends with it.
    """

    def __init__(self, board: Board, drain: float, *, family: bool) -> None:
        self._board = board
        self._family = family
        self._drain = drain
        self._draining: dict[tuple[int, int], float] = {}

    def next(self) -> float:
        """Return the monotonic time of the next deadline."""
        now = time.monotonic()
        times = [now + FAR]
        for region in self._board.regions(LIVE):
            for slot in region.slots():
                if slot.state == RUNNING and slot.deadline:
                    late = slot.deadline <= now
                    times.append(now + NEIGHBOUR_LOOK if late else slot.deadline)
        return min(times)

    def enforce(self) -> None:
        """Kill what is overdue; first let what runs beside it finish."""
        now = time.monotonic()
        for region in self._board.regions(LIVE):
            running = [slot for slot in region.slots() if slot.state == RUNNING]
            overdue = [slot for slot in running if slot.deadline and slot.deadline <= now]
            if not overdue or not region.pid or region.doomed[0] != NOT_KILLED:
                continue
            first = overdue[0]
            since = self._draining.setdefault((region.index, first.serial), now)
            neighbours = len(running) > len(overdue)
            if neighbours and now - since < self._drain:
                if since == now:
                    logger.warning("a job is overdue: its worker finishes the others, then ends")
                    os.kill(region.pid, signal.SIGTERM)
                continue
            logger.warning("worker %d is killed: a job ran past timeout and grace", region.pid)
            end_for(region, OVERDUE, first, family=self._family)
