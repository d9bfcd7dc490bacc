"""One job at a time, in the main thread: a process slot."""

from collections import deque

from django_convoy.domain.envelope import Lease
from django_convoy.worker.desk import Paper
from django_convoy.worker.loop import IDLE_SECONDS, Loop
from django_convoy.worker.timeouts import AlarmTimeouts


class InlineLoop(Loop):
    """Claims a batch, runs it, settles it."""

    def run(self) -> None:
        """Work until told to stop, or until it is time to leave."""
        guard = AlarmTimeouts()
        desk, ledger = self.desk, self.desk.ledger
        leases: list[Lease] = []
        while not self.stopping and not self.must_leave():
            leases = leases or self.claim(self._limit(), 0.0 if self.plan.burst else IDLE_SECONDS)
            if not leases and self.plan.burst and self.burst_is_over():
                break
            papers = deque(desk.hold(leases))
            leases = []
            while papers and not self.stopping:
                self._one(papers.popleft(), guard)
                if ledger.is_due and papers:
                    ledger.settle()
            if papers:
                desk.give_back(papers)
            elif not self.stopping and desk.jobs != self.plan.max_jobs:
                # What was done and what comes next in one transaction.
                leases = ledger.settle_with(self._next) or []
            ledger.settle()
            desk.report()
        desk.give_back(desk.hold(leases))

    def _next(self) -> list[Lease]:
        engine, limit = self.desk.engine, self._limit()
        leases = engine.own.broker.claim(
            engine.lanes,
            limit=limit,
            lease=self.plan.lease,
            worker=engine.worker,
            may_suspect=self.desk.may_suspect,
        )
        self.desk.pace.claimed(len(leases), limit)
        return leases

    def _limit(self) -> int:
        desk, most = self.desk, self.plan.max_jobs
        limit = min(desk.pace.limit(), desk.room())
        return limit if most is None else max(1, min(limit, most - desk.jobs))

    def _one(self, paper: Paper, guard: AlarmTimeouts) -> None:
        desk = self.desk
        if not desk.take(paper):
            return
        run = desk.open(paper)
        if run is None:
            return
        if len(desk.ledger) and not desk.is_quick(run):
            desk.ledger.settle()
        desk.run(paper, run, guard)
