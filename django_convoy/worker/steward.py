"""The child that keeps house: renewals, deaths, looks; pruning and reports in a thread behind.

Leaves last: it renews until no worker is left, and settles what those that were killed held.
"""

import contextlib
import logging
import math
import os
import select
import time
from collections.abc import Callable

from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.worker.board import Board
from django_convoy.worker.cutoff import CutOff
from django_convoy.worker.deaths import settle_dead
from django_convoy.worker.ending import end
from django_convoy.worker.engine import Engine
from django_convoy.worker.housekeeping import Housekeeping
from django_convoy.worker.layout import DEAD, LIVE, STOPPED
from django_convoy.worker.outage import STEADY_SECONDS, Outage
from django_convoy.worker.plan import Plan
from django_convoy.worker.posting import Posting
from django_convoy.worker.renewals import Renewals
from django_convoy.worker.wakeups import Wakeups
from django_convoy.worker.watch import Watch

logger = logging.getLogger("django_convoy.steward")
LONGEST_SLEEP = 60.0
STOPPING_SLEEP = 0.05
LINGER_SECONDS = 0.5
"""For so long after a poke, or after jobs, it goes on looking: whoever starts the next job need not
wake it, which would take time from that job where they share a core."""
LINGER_SLEEP = 0.1
"""Between two of those looks. Less than a desk's `LOOK_SECONDS`, after which it would poke."""


class Steward:
    """Sleeps until the next thing is due, or somebody pokes it.

    pokes: the end of a pipe that workers and the supervisor write to.
    """

    def __init__(
        self,
        engine: Engine,
        board: Board,
        plan: Plan,
        pokes: int,
        parent: int,
        poke: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._board = board
        self._plan = plan
        self._pokes = pokes
        self._poke = poke
        self._parent = parent
        self._watch = Watch(engine, board)
        self._renewals = Renewals(engine, board, plan)
        self._housekeeping = Housekeeping(engine, board, plan, parent)
        self._services = engine.services()
        self._wakeups = Wakeups(engine, plan, self._services)
        self._posting = Posting(engine)
        self._failures = 0
        self._cut_off_since = 0.0
        self._orphan_since: float | None = None
        self._outage = Outage(logger)
        self._jobs = 0
        self._linger_until = 0.0
        self.stopping = False

    def stop(self) -> None:
        """Leave once no worker is left. Called from a signal handler."""
        self.stopping = True
        self._poke()  # it may have come between the last look and the sleep

    def run(self) -> None:
        """Keep house until told to leave."""
        self._housekeeping.start()
        for service in self._services:
            service.start()
        self._wakeups.start()
        self._posting.start()
        poll = select.poll()
        poll.register(self._pokes, select.POLLIN)
        while not self._is_over():
            # Whoever claims between our look and our sleep pokes us, and leaves a byte.
            self._board.steward_wakes(math.inf)
            pause = self._step()
            self._board.steward_wakes(time.monotonic() + pause)
            if poll.poll(pause * 1000):
                self._linger_until = time.monotonic() + LINGER_SECONDS
                with contextlib.suppress(BlockingIOError):  # a successor may have read it
                    os.read(self._pokes, 4096)
        self._posting.stop()
        self._wakeups.stop()
        for service in self._services:
            service.stop()
        self._housekeeping.stop()
        self._engine.own.close()

    def _step(self) -> float:
        """Do what is due; return the seconds until the next thing is."""
        try:
            self._look_for_orphans()
            for region in self._board.regions(DEAD):
                settle_dead(self._engine, region)
            soon = self._watch.look()
            self._renewals.renew()
        except BrokerUnavailable as error:
            self._failures += 1
            self._outage.failed("cut off from the broker: %s", error)
            if self._failures == 1:
                self._cut_off_since = time.monotonic()
                self._housekeeping.cut_off = CutOff(self._cut_off_since, str(error) or repr(error))
            return float(min(0.1 * 2 ** min(self._failures, 5), self._renewals.period / 2))
        self._outage.worked()
        if self._failures:
            self._housekeeping.cut_off = None
            self._failures = 0
        busy = any(region.has() for region in self._board.regions(LIVE))
        if self.stopping:
            return STOPPING_SLEEP
        calm = self._renewals.period / 2 if busy or self._orphan_since else LONGEST_SLEEP
        if self._lingers():
            calm = min(calm, LINGER_SLEEP)
        if self._outage.is_open:
            calm = min(calm, STEADY_SECONDS)
        return calm if soon is None else min(soon, calm)

    def _lingers(self) -> bool:
        """Return whether jobs were run lately, which others may follow."""
        jobs, now = sum(region.jobs for region in self._board.regions(LIVE)), time.monotonic()
        if jobs != self._jobs:
            self._jobs, self._linger_until = jobs, now + LINGER_SECONDS
        return now < self._linger_until

    def _is_over(self) -> bool:
        if not self.stopping and self._orphan_since is None:
            return False
        if any(True for _ in self._board.regions(LIVE)):
            return False
        if not any(True for _ in self._board.regions(DEAD)):
            return True
        waited = time.monotonic() - self._cut_off_since
        if not self._failures or waited < self._plan.drain:
            return False
        logger.warning("leaving without the broker: the leases of killed workers will lapse")
        return True

    def _look_for_orphans(self) -> None:
        """Without a supervisor, notice deaths ourselves, and end what does not leave."""
        if os.getppid() == self._parent:
            return
        if self._orphan_since is None:
            logger.warning("the supervisor is gone: leaving once the workers have")
            self._orphan_since = time.monotonic()
        late = time.monotonic() - self._orphan_since > self._plan.drain
        for region in self._board.regions(LIVE):
            if not region.lives():
                region.bury(0)
            elif late and region.pid:
                region.doom(STOPPED, -1)
                end(region.pid, family=self._plan.daemonize_workers)
