"""The parent: one thread, no connection, nothing that can hang.

Starts workers and a steward, replaces what dies, keeps the deadlines, hears signals:
TERM and INT drain, a second INT stops now, HUP replaces every process by new code once that is
known to start, TTIN and TTOU add and remove a worker. Sleeps until something happens.
"""

import gc
import logging
import math
import os
import select
import signal
import sys
import time
from dataclasses import replace

from django_convoy.worker import bells
from django_convoy.worker.board import Board
from django_convoy.worker.child import RELOADER, STEWARD, WORKER, MakeEngine, poker
from django_convoy.worker.children import Children
from django_convoy.worker.deadlines import Deadlines
from django_convoy.worker.hearing import deafness, heard_signals, listening
from django_convoy.worker.plan import Plan
from django_convoy.worker.reexec import Handover, read_handover, reexecute
from django_convoy.worker.rehearsal import Rehearsal

logger = logging.getLogger("django_convoy.supervisor")
LONGEST_SLEEP = 60.0


class Supervisor:
    """One tree of processes for one backend alias."""

    def __init__(self, plan: Plan, make_engine: MakeEngine, *, reload: bool = False) -> None:
        self._plan = plan = replace(plan, bells=bells.make())
        self._reload = reload
        self._stopping: float | None = None
        self._interrupts = 0
        self._killed = False
        self._rehearsal = Rehearsal()
        self._heard = _pipe()
        handover = read_handover()
        self._board = Board(None if handover is None else handover.board)
        self._pipe = _pipe() if handover is None else handover.pipe
        self._steward_pipe = _pipe() if handover is None else handover.steward_pipe
        self._children = Children(
            plan,
            make_engine,
            self._board,
            self._pipe,
            self._steward_pipe,
            time.time() - time.process_time() if handover is None else handover.at,
            poker(self._steward_pipe[1]),
        )
        if handover is not None:
            self._children.adopt(handover.children)
        self._deadlines = Deadlines(self._board, plan.drain, family=plan.daemonize_workers)

    def run(self) -> int:
        """Run until told to stop, or until a burst is over; return an exit status."""
        signal.set_wakeup_fd(self._heard[1], warn_on_full_buffer=False)
        for number in heard_signals():
            signal.signal(number, lambda number, frame: None)
        listening()  # after a re-exec they have waited until here
        gc.collect()
        gc.freeze()  # pages that no collection touches stay shared with the children
        self._begin()
        poll = select.poll()
        poll.register(self._heard[0], select.POLLIN)
        poll.register(self._pipe[0], select.POLLIN)
        while True:
            if self._rehearsal.succeeded(self._children.reap()):
                self._start_again()
            self._children.start_due()
            if self._is_over():
                break
            # Whoever begins something between our look and our sleep pokes us.
            self._board.supervisor_wakes(math.inf)
            wake = self._next_wake()
            self._board.supervisor_wakes(wake)
            ready = poll.poll(max(0.0, min(wake - time.monotonic(), LONGEST_SLEEP)) * 1000)
            if any(one == self._pipe[0] for one, _ in ready):
                os.read(self._pipe[0], 4096)
            if self._hear_all():
                self._rehearsal.begin()
            self._deadlines.enforce()
            self._children.end_kill_on_stop()
            self._enforce_drain()
        self._rehearsal.end()
        self._board.close()
        bells.remove(self._plan.bells)
        return 0

    def _begin(self) -> None:
        """Start everybody; then let those of an earlier life go."""
        children = self._children
        old = children.pids(WORKER)
        children.let_go((STEWARD, RELOADER))
        children.want(STEWARD)
        for index in range(self._plan.processes):
            children.want(WORKER, index)
        if self._reload:
            children.want(RELOADER)
        children.start_due()
        for pid in old:
            children.retire(pid)

    # Signals

    def _hear_all(self) -> bool:
        """Obey what was heard; return whether there is new code to try."""
        numbers = self._read_signals()
        for number in numbers:
            self._hear(number)
        return signal.SIGHUP in numbers and self._stopping is None

    def _start_again(self) -> None:
        """Go on as new code, unless something else was heard meanwhile: nothing is remembered
        beyond this."""
        with deafness():
            newer = self._hear_all()  # what came before they were made to wait
            if self._stopping is None and not newer:
                self._reexecute()
        if newer:
            self._rehearsal.begin()

    def _read_signals(self) -> bytes:
        try:
            return os.read(self._heard[0], 4096)
        except BlockingIOError:
            return b""

    def _hear(self, number: int) -> None:
        if number == signal.SIGTERM:
            self._stop()
        elif number == signal.SIGINT:
            self._interrupts += 1
            self._stop()
            if self._interrupts > 1:
                self._kill_workers()
        elif number == signal.SIGTTIN and self._stopping is None:
            self._children.one_more()
        elif number == signal.SIGTTOU and self._stopping is None:
            self._children.one_less()

    def _reexecute(self) -> None:
        logger.info("starting again with new code; running jobs go on")
        handover = Handover(
            self._board.descriptor,
            self._pipe,
            self._steward_pipe,
            self._children.handover(),
            self._board.version,
            time.time(),
        )
        try:
            reexecute(handover)
        except OSError as error:
            logger.error("%s cannot be started: %s; the old code goes on", sys.executable, error)

    # Leaving

    def _stop(self) -> None:
        if self._stopping is None:
            logger.info("stopping: running jobs get %g s", self._plan.drain)
            self._stopping = time.monotonic()
            self._children.stop()

    def _enforce_drain(self) -> None:
        if self._stopping is None or self._killed or not self._children.pids(WORKER):
            return
        if time.monotonic() - self._stopping > self._plan.drain:
            logger.warning("running jobs did not end in time: killing their workers")
            self._kill_workers()

    def _kill_workers(self) -> None:
        self._killed = True
        self._children.kill_workers()

    def _is_over(self) -> bool:
        if self._children.pids(WORKER) or self._children.any_due(WORKER):
            return False
        if self._stopping is None and not self._plan.burst:
            return False
        self._stopping = self._stopping or time.monotonic()
        self._children.stopping = True
        self._children.let_go((RELOADER,))
        return self._children.retire_steward()

    def _next_wake(self) -> float:
        wake = min(self._children.next_start(), self._deadlines.next())
        if self._stopping is not None and self._children.pids(WORKER) and not self._killed:
            wake = min(wake, self._stopping + self._plan.drain + 0.01)
        return wake


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    return reader, writer
