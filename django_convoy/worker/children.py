"""The processes under a supervisor: started, counted, told to leave, mourned and replaced."""

import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from django_convoy.domain import ids
from django_convoy.worker import nursery
from django_convoy.worker.board import Board
from django_convoy.worker.child import FINISHED, STEWARD, SUCCESSOR, WORKER, Birth, MakeEngine
from django_convoy.worker.deadlines import end_kill_on_stop
from django_convoy.worker.ending import end
from django_convoy.worker.layout import DEAD, FREE, LIVE, STOPPED
from django_convoy.worker.plan import Plan

logger = logging.getLogger("django_convoy.supervisor")
YOUNG_SECONDS = 2.0
LONGEST_PAUSE = 30.0
START_AGAIN_SECONDS = 1.0
Pipe = tuple[int, int]


@dataclass(slots=True)
class Child:
    """A process that was started. retiring: it is to leave, and not to be replaced."""

    kind: str
    index: int
    region: int
    born: float
    retiring: bool = False


class Children:
    """Those of one supervisor, by pid.

    pipe, steward_pipe: what wakes the supervisor, and the steward. since: when the supervisor
    began to load its code.
    """

    def __init__(
        self,
        plan: Plan,
        make_engine: MakeEngine,
        board: Board,
        pipe: Pipe,
        steward_pipe: Pipe,
        since: float,
        poke_steward: Callable[[], None],
    ) -> None:
        self.stopping = False
        self._plan = plan
        self._make_engine = make_engine
        self._board = board
        self._pipe = pipe
        self._steward_pipe = steward_pipe
        self._since = since
        self._poke_steward = poke_steward
        self._method = nursery.start_method()
        self._all: dict[int, Child] = {}
        self._due: list[tuple[float, str, int]] = []
        """Children to start: when, kind, index."""
        self._failures = 0

    # Who there is

    def pids(self, kind: str) -> list[int]:
        """Return the processes of a kind."""
        return [pid for pid, child in self._all.items() if child.kind == kind]

    def any_due(self, kind: str) -> bool:
        """Return whether one of that kind is to be started."""
        return any(one == kind for _, one, _ in self._due)

    def next_start(self) -> float:
        """Return the monotonic time of the next start."""
        return min((at for at, _, _ in self._due), default=float("inf"))

    def has_work_left(self) -> bool:
        """Return whether a steward has something to look after."""
        return any(True for _ in self._board.regions(LIVE, DEAD))

    def handover(self) -> dict[int, tuple[str, int, int]]:
        """Return what the next life of the supervisor has to know of each."""
        return {pid: (one.kind, one.index, one.region) for pid, one in self._all.items()}

    def adopt(self, children: dict[int, tuple[str, int, int]]) -> None:
        """Take over those of an earlier life. All will be replaced: one that ends before it is
        told to is no loss either."""
        for pid, (kind, index, region) in children.items():
            self._all[pid] = Child(kind, index, region, time.monotonic(), retiring=True)

    # Beginnings

    def want(self, kind: str, index: int = 0, after: float = 0.0) -> None:
        """Have one started."""
        self._due.append((time.monotonic() + after, kind, index))

    def start_due(self) -> None:
        """Start those whose time has come."""
        now = time.monotonic()
        due = [one for one in self._due if one[0] <= now]
        self._due = [one for one in self._due if one[0] > now]
        for _, kind, index in due:
            self._start(kind, index)

    def _start(self, kind: str, index: int) -> None:
        region, boot = None, ids.token()
        if kind == WORKER:
            region = next(iter(self._board.regions(FREE)), None)
            # The steward has not settled the dead yet; a burst would miss what they held.
            early = self._plan.burst and any(True for _ in self._board.regions(DEAD))
            if region is None or early:
                self.want(kind, index, 0.1)
                return
            region.open(boot)
        birth = Birth(
            kind=kind,
            index=index,
            region=-1 if region is None else region.index,
            boot=boot,
            board=self._board.descriptor,
            supervisor_pipe=self._pipe[1],
            steward_pipe=self._steward_pipe[1],
            steward_end=self._steward_pipe[0],
            parent=os.getpid(),
            since=self._since,
        )
        try:
            pid = nursery.start(self._method, birth, self._plan, self._make_engine)
        except OSError as error:  # no memory, or too many processes; that passes
            logger.error("cannot start a %s: %s; trying again", kind, error)
            if region is not None:
                region.bury(0)
            self.want(kind, index, START_AGAIN_SECONDS)
            return
        self._all[pid] = Child(kind, index, birth.region, time.monotonic())

    # Endings

    def reap(self) -> dict[int, int]:
        """Notice deaths, and have the dead replaced; return the wait status of all others."""
        others: dict[int, int] = {}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return others
            if pid == 0:
                return others
            child = self._all.pop(pid, None)
            if child is not None:
                self._mourn(pid, child, status)
            else:
                others[pid] = status

    def _mourn(self, pid: int, child: Child, status: int) -> None:
        if self._plan.daemonize_workers:
            end(pid, family=True)  # what its tasks started ends with it
        orderly = self._left_in_order(child, status)
        finished = orderly and os.WEXITSTATUS(status) == FINISHED
        if orderly:
            status = 0
        if child.kind == WORKER:
            self._board.region(child.region).bury(status)
            self._poke_steward()
        elif status and not child.retiring:  # of workers the steward tells, with their jobs
            logger.warning("%s %d ended with wait status %d", child.kind, pid, status)
        if child.retiring or (self.stopping and child.kind != STEWARD):
            return
        if child.kind == STEWARD and self.stopping and not self.has_work_left():
            return
        if finished and self._plan.burst:
            return
        self.want(child.kind, child.index, self._pause_after(child, status))

    def _left_in_order(self, child: Child, status: int) -> bool:
        """Return whether a worker left by its own decision, and not by a task's."""
        return (
            child.kind == WORKER
            and os.WIFEXITED(status)
            and os.WEXITSTATUS(status) in (SUCCESSOR, FINISHED)
            and not self._board.region(child.region).slots()
        )

    def _pause_after(self, child: Child, status: int) -> float:
        """Return the seconds before a child is replaced: most at once, but one that cannot even
        start is not started again in a tight circle."""
        young = time.monotonic() - child.born < YOUNG_SECONDS
        if status == 0 or not young or self._ran_something(child):
            self._failures = 0
            return 0.0
        self._failures += 1
        # By a signal: somebody else's doing, more often than not.
        first, longest = (0.05, 1.0) if os.WIFSIGNALED(status) else (0.5, LONGEST_PAUSE)
        return float(min(first * 2 ** min(self._failures - 1, 20), longest))

    def _ran_something(self, child: Child) -> bool:
        if child.kind != WORKER:
            return False
        region = self._board.region(child.region)
        return bool(region.jobs or region.slots())

    # Orders

    def one_more(self) -> None:
        """Add a worker."""
        taken = {self._all[pid].index for pid in self._staying()}
        taken |= {index for _, kind, index in self._due if kind == WORKER}
        self.want(WORKER, next(one for one in range(len(taken) + 1) if one not in taken))
        logger.info("one worker more")

    def one_less(self) -> None:
        """Take a worker away, never the last one."""
        staying, due = self._staying(), [one for one in self._due if one[1] == WORKER]
        if len(staying) + len(due) < 2:
            return
        if due:
            self._due.remove(max(due, key=lambda one: one[2]))
        else:
            self.retire(max(staying, key=lambda pid: self._all[pid].index))
        logger.info("one worker less")

    def _staying(self) -> list[int]:
        return [pid for pid in self.pids(WORKER) if not self._all[pid].retiring]

    def retire(self, pid: int) -> None:
        """Let one leave once its jobs are done, and not come back."""
        if pid in self._all and self._all[pid].kind in (WORKER, STEWARD):
            self._all[pid].retiring = True
            _signal(pid, signal.SIGTERM)

    def retire_steward(self) -> bool:
        """Let the steward leave, last of all; return whether it has."""
        if not self.has_work_left():
            self._due = []
        stewards = self.pids(STEWARD)
        for pid in stewards:
            if not self._all[pid].retiring:
                self.retire(pid)
                self._poke_steward()
        return not stewards and not self._due

    def let_go(self, kinds: tuple[str, ...]) -> None:
        """End helpers: all that they do may end at any point."""
        for pid, child in self._all.items():
            if child.kind in kinds:
                child.retiring = True
                _signal(pid, signal.SIGKILL)

    def stop(self) -> None:
        """Let the workers leave; start nobody but a steward from now on."""
        self.stopping = True
        self._due = [one for one in self._due if one[1] == STEWARD]
        for pid in self.pids(WORKER):
            _signal(pid, signal.SIGTERM)

    def kill_workers(self) -> None:
        """End the workers at once; their jobs run again."""
        for pid in self.pids(WORKER):
            self._board.region(self._all[pid].region).doom(STOPPED, -1)
            end(pid, family=self._plan.daemonize_workers)

    def end_kill_on_stop(self) -> None:
        """End workers that leave and run a job that asked not to be waited for."""
        for child in self._all.values():
            if child.kind == WORKER and (child.retiring or self.stopping):
                region = self._board.region(child.region)
                end_kill_on_stop(region, family=self._plan.daemonize_workers)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
