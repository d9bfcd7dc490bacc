"""Where processes cannot be forked: everything in one process, jobs in threads.

Leases are renewed by a thread, so a body that never lets go of the interpreter can lose its
lease; nothing is killed, so hard timeouts and crash budgets do not hold. `convoy worker` says so.
"""

import dataclasses
import logging
import os
import signal
import threading
import time
from types import FrameType

from django_convoy.domain import ids
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.signals import worker_started, worker_stopping
from django_convoy.worker.board import Board
from django_convoy.worker.child import MakeEngine
from django_convoy.worker.desk import Desk
from django_convoy.worker.ending import leave
from django_convoy.worker.engine import Engine
from django_convoy.worker.housekeeping import Housekeeping
from django_convoy.worker.layout import LIVE
from django_convoy.worker.outage import outage
from django_convoy.worker.plan import Plan
from django_convoy.worker.pool import PoolLoop
from django_convoy.worker.posting import Posting
from django_convoy.worker.renewals import Renewals
from django_convoy.worker.transactions import LongTransactions

logger = logging.getLogger("django_convoy.worker")


class _Loop(PoolLoop):
    """A pool without a supervisor."""

    def is_orphan(self) -> bool:
        """Return False: there is nobody above."""
        return False


class _Stop:
    """TERM and INT: jobs that run get `drain` seconds; none at a second INT."""

    def __init__(self, loop: _Loop, drain: float, house: Housekeeping) -> None:
        self._loop = loop
        self._drain = drain
        self._house = house
        self._interrupts = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self._interrupts += number == signal.SIGINT
        if self._interrupts > 1:  # perhaps inside the handling of the first
            self._later(0.0)
        elif not self._loop.stopping:
            self._loop.stop()
            logger.info("stopping: running jobs get %g s", self._drain)
            self._later(self._drain)

    def _later(self, seconds: float) -> None:
        timer = threading.Timer(seconds, self._give_up)
        timer.daemon = True
        timer.start()

    def _give_up(self) -> None:
        logger.warning("running jobs did not end in time: leaving; their leases will lapse")
        self._house.stop()
        leave(0)


def run_solo(plan: Plan, make_engine: MakeEngine) -> int:
    """Run jobs in threads of this process until told to stop."""
    plan = dataclasses.replace(
        plan,
        processes=1,
        threads=plan.threads or plan.processes,
        concurrency=0,
        max_jobs=None,
        max_rss=None,
        cpus=(),
        on_lost_lease="finish",
    )
    board = Board(Board.PRIVATE)
    region = board.region(0)
    region.open(ids.token())
    region.enter()
    engine = make_engine(plan, f"solo.{region.boot}")
    keeper = make_engine(plan, "solo")
    desk = Desk(engine, region, plan, lambda: None, lambda: None, lambda: False)
    loop = _Loop(desk, plan, os.getpid())
    house = Housekeeping(keeper, board, plan, os.getpid())
    stop = _Stop(loop, plan.drain, house)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_renew, args=(plan, keeper, board), daemon=True).start()
    house.start()
    services = keeper.services()
    for service in services:
        service.start()
    posting = Posting(keeper)
    posting.start()
    worker_started.send_robust(sender=None, worker=engine.worker)
    try:
        loop.run()
    finally:
        worker_stopping.send_robust(sender=None, worker=engine.worker)
        for service in services:
            service.stop()
        posting.stop()
        house.stop()
        engine.own.close()
    return 0


def _renew(plan: Plan, engine: Engine, board: Board) -> None:
    """What a steward does for a process that lives."""
    renewals = Renewals(engine, board, plan)
    transactions = LongTransactions(plan.long_transaction)
    while any(True for _ in board.regions(LIVE)):
        time.sleep(renewals.period / 2)
        try:
            renewals.renew()
        except BrokerUnavailable as error:
            outage.failed("cut off from the broker: %s", error)
        except Exception:  # nobody would take its place
            logger.exception("renewing leases failed; trying again")
        else:
            outage.worked()
        for region in board.regions(LIVE):
            for slot in region.slots():
                transactions.look(region, slot)
