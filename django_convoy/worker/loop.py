"""What every kind of worker loop does around the jobs: claim, wait, stop, leave."""

import logging
import os
import random
import time

from django_convoy.domain.envelope import Lease
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.worker.desk import Desk
from django_convoy.worker.memory import rss
from django_convoy.worker.outage import STEADY_SECONDS, outage
from django_convoy.worker.plan import Plan

logger = logging.getLogger("django_convoy.worker")
IDLE_SECONDS = 60.0
"""How long one waiting claim lasts; the wait ends at once when there is work."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
BURST_SECONDS = 5.0
"""What falls due within this time is work that a burst waits for: retries, above all."""
BURST_LOOK = 0.25


class Loop:
    """The life of a worker process between its start and its leaving."""

    def __init__(self, desk: Desk, plan: Plan, parent: int) -> None:
        self.desk = desk
        self.plan = plan
        self.stopping = False
        self.wants_successor = False
        """Whether work may be left, also in a burst: it leaves to make room for a fresh process."""
        self.finished = False
        """Whether it leaves because no work is left."""
        self._parent = parent
        self._pause = 0.0

    def stop(self) -> None:
        """Start no more jobs. Called from a signal handler."""
        self.stopping = True
        self.desk.engine.own.broker.interrupt()

    def gives_up(self) -> bool:
        """Return whether a broker that cannot be reached is waited for no longer."""
        return self.stopping and self.is_orphan()

    def is_orphan(self) -> bool:
        """Return whether the supervisor is gone."""
        return os.getppid() != self._parent

    def must_leave(self) -> bool:
        """Return whether this process should make room for a fresh one."""
        plan = self.plan
        if self.is_orphan():
            logger.warning("the supervisor is gone: leaving")
            return True
        if plan.max_jobs is not None and self.desk.jobs >= plan.max_jobs:
            logger.info("leaving after %d jobs (max_jobs)", self.desk.jobs)
            self.wants_successor = True
            return True
        if plan.max_rss is not None and (used := rss()) > plan.max_rss:
            logger.info("leaving with %d MiB of memory (max_rss)", used >> 20)
            self.wants_successor = True
            return True
        return False

    def claim(self, limit: int, wait: float) -> list[Lease]:
        """Claim; after an error pause, ever longer, and go on by itself once it works."""
        engine = self.desk.engine
        if outage.is_open:
            wait = min(wait, STEADY_SECONDS)
        try:
            leases = engine.own.broker.claim(
                engine.lanes,
                limit=limit,
                lease=self.plan.lease,
                worker=engine.worker,
                may_suspect=self.desk.may_suspect,
                # After an outage a look first: it says that it is over, where a wait would not.
                wait=0.0 if self._pause else wait,
            )
        except BrokerUnavailable as error:
            self.desk.look_at_descriptors(error)
            outage.failed("cut off from the broker: %s", error)
            if not self._pause:
                self.desk.cut_off(str(error) or repr(error))
            self._pause = min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
            self.rest(self._pause * random.uniform(0.5, 1.5))  # noqa: S311 - spread
            return []
        self.desk.pace.claimed(len(leases), limit)
        outage.worked()
        if self._pause:
            self.desk.cut_off("")
            self._pause = 0.0
        return leases

    def burst_is_over(self) -> bool:
        """Return whether no work is left, after a claim that found none; else wait for it."""
        if self._pause:
            return False
        try:
            due = self.desk.engine.own.broker.next_due()
        except BrokerUnavailable:
            return False
        if due is None or due > BURST_SECONDS:
            self.finished = True
            return True
        # What is due already is held by somebody for a moment; what others hold may end soon.
        self.rest(min(max(due, 0.02), BURST_LOOK))
        return False

    def rest(self, seconds: float) -> None:
        """Sleep, unless stopping."""
        end = time.monotonic() + seconds
        while not self.stopping and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))

    def run(self) -> None:
        """Work until told to stop, or until it is time to leave."""
        raise NotImplementedError
