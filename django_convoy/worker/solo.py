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
from django_convoy.worker.board import LIVE, Board
from django_convoy.worker.child import MakeEngine
from django_convoy.worker.desk import Desk
from django_convoy.worker.plan import Plan
from django_convoy.worker.pool import PoolLoop
from django_convoy.worker.renewals import Renewals

logger = logging.getLogger("django_convoy.worker")


class _Loop(PoolLoop):
    """A pool without a supervisor."""

    def is_orphan(self) -> bool:
        """Return False: there is nobody above."""
        return False


def run_solo(plan: Plan, make_engine: MakeEngine) -> int:
    """Run jobs in threads of this process until told to stop."""
    threads = plan.threads or plan.processes
    plan = dataclasses.replace(
        plan, processes=1, threads=threads, concurrency=0, on_lost_lease="finish"
    )
    board = Board(Board.PRIVATE)
    region = board.region(0)
    region.open(ids.token())
    engine = make_engine(plan, f"solo.{region.boot}")
    desk = Desk(engine, region, plan, lambda: None, lambda: None, lambda: False)
    loop = _Loop(desk, plan, os.getpid())

    def stop(number: int, frame: FrameType | None) -> None:
        loop.stop()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_renew, args=(plan, make_engine, board), daemon=True).start()
    loop.run()
    engine.own.close()
    return 0


def _renew(plan: Plan, make_engine: MakeEngine, board: Board) -> None:
    renewals = Renewals(make_engine(plan, "solo"), board, plan)
    while any(True for _ in board.regions(LIVE)):
        time.sleep(renewals.period / 2)
        try:
            renewals.renew()
        except BrokerUnavailable as error:
            logger.warning("cut off from the broker: %s", error)
