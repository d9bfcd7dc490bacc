"""Many jobs at a time in one process: threads, or an event loop."""

import logging
import threading
from collections import deque

from django_convoy.worker.desk import Desk, Paper
from django_convoy.worker.loop import IDLE_SECONDS, Loop
from django_convoy.worker.plan import Plan
from django_convoy.worker.runners import EventLoop, Runners, Threads

logger = logging.getLogger("django_convoy.worker")
BUSY_SECONDS = 5.0
"""How long to wait for a free slot before looking whether it is time to leave."""


class PoolLoop(Loop):
    """The main thread claims and settles; runners take what it claimed."""

    def __init__(self, desk: Desk, plan: Plan, parent: int) -> None:
        super().__init__(desk, plan, parent)
        self._changed = threading.Condition()
        self._waiting: deque[Paper] = deque()
        self._active = 0
        self._in_claim = False
        self._runners: Runners = (
            EventLoop(plan.concurrency, self) if plan.concurrency else Threads(plan.threads, self)
        )

    def stop(self) -> None:
        """Start no more jobs. Called from a signal handler."""
        super().stop()
        with self._changed:
            self._changed.notify_all()

    # Called by runners, in their threads

    def take(self, *, block: bool) -> Paper | None:
        """Return the next job, None when there is none (or, when blocking, no more)."""
        with self._changed:
            while block and not self._waiting and not self.stopping:
                self._changed.wait()
            if not self._waiting or self.stopping:
                return None
            self._active += 1
            return self._waiting.popleft()

    def done(self) -> None:
        """Say that a job is in the ledger."""
        with self._changed:
            self._active -= 1
            self._changed.notify_all()
            waits = self._in_claim
        if waits:
            self.desk.engine.own.broker.interrupt()

    # The main thread

    def run(self) -> None:
        """Work until told to stop, or until it is time to leave."""
        ledger = self.desk.ledger
        self._runners.start()
        while not self.stopping and not self.must_leave():
            if len(ledger):
                with self._changed:
                    if self._active or self._waiting:
                        self._changed.wait(ledger.due_in())
                ledger.settle()
                self.desk.report()
            limit = self._limit()
            if limit > 0:
                if self._claim(limit):
                    break
            else:
                with self._changed:  # whoever is active will notify; nobody else would
                    if not len(ledger) and (self._active or self._waiting):
                        self._changed.wait(BUSY_SECONDS)
        self._drain()

    def _limit(self) -> int:
        plan, desk = self.plan, self.desk
        free = self._runners.capacity - self._active - len(self._waiting)
        if free <= 0:
            return 0
        limit = min(max(free, desk.pace.limit() - len(self._waiting)), desk.room())
        if plan.max_jobs is not None:
            limit = min(limit, plan.max_jobs - desk.jobs - self._active - len(self._waiting))
        return limit

    def _claim(self, limit: int) -> bool:
        """Claim and hand out; return whether a burst is over."""
        with self._changed:
            self._in_claim = True
            wait = 0.0 if self.plan.burst or len(self.desk.ledger) else IDLE_SECONDS
        leases = self.claim(limit, wait)
        with self._changed:
            self._in_claim = False
        if not leases:
            self.desk.may_suspect.claimed(leases)
            if not self.plan.burst:
                return False
            with self._changed:
                if self._active or self._waiting:
                    self._changed.wait(1.0)
                    return False
            return not len(self.desk.ledger) and self.burst_is_over()
        papers = self.desk.hold(leases)
        with self._changed:
            self._waiting.extend(papers)
            self._changed.notify_all()
        self._runners.wake()
        return False

    def _drain(self) -> None:
        """Give back what was not started; let what runs finish."""
        with self._changed:
            self.stopping = True
            papers, self._waiting = list(self._waiting), deque()
            self._changed.notify_all()
        self.desk.give_back(papers)
        while self._active:
            with self._changed:
                self._changed.wait(1.0)
            self.desk.ledger.settle()
        self.desk.ledger.settle()
        self._runners.stop()
