"""The life of a worker or steward process, from its first line to its exit status."""

import contextlib
import ctypes
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import FrameType

from django_convoy.domain.ids import worker_name
from django_convoy.signals import worker_started, worker_stopping
from django_convoy.worker import affinity
from django_convoy.worker.board import Board
from django_convoy.worker.desk import Desk
from django_convoy.worker.engine import Engine
from django_convoy.worker.hearing import listening
from django_convoy.worker.inline import InlineLoop
from django_convoy.worker.loop import Loop
from django_convoy.worker.offspring import free_offspring
from django_convoy.worker.plan import Plan
from django_convoy.worker.pool import PoolLoop
from django_convoy.worker.reloader import watch
from django_convoy.worker.steward import Steward

logger = logging.getLogger("django_convoy.worker")
MakeEngine = Callable[[Plan, str], Engine]
WORKER, STEWARD, RELOADER = "worker", "steward", "reloader"
SUCCESSOR, FINISHED = 3, 4
"""The exit status of a worker that made room for a fresh one; of one whose burst is over. What a
task exits with can be any number, so neither counts while the board says that a job was held."""
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15


@dataclass(frozen=True, slots=True)
class Birth:
    """What a child is told. The numbers of descriptors are the same in the parent.

    since: when the parent began to load the code that it runs.
    """

    kind: str
    index: int
    region: int
    boot: str
    board: int
    supervisor_pipe: int
    steward_pipe: int
    steward_end: int
    parent: int
    since: float

    def to_json(self) -> str:
        """Return text for an exec'd child."""
        return json.dumps(asdict(self))


def poker(pipe: int) -> Callable[[], None]:
    """Return a function that wakes whoever reads the pipe."""

    def poke() -> None:
        # A full pipe wakes, too; a closed one has nobody left to wake.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(pipe, b"!")

    return poke


def live(birth: Birth, plan: Plan, make_engine: MakeEngine) -> int:
    """Be a child until it is time to leave; return the exit status."""
    _settle_in(birth)
    if birth.kind == RELOADER:
        watch(birth.parent, birth.since)
        return 0
    worker_id = worker_name(birth.boot)
    engine = make_engine(plan, worker_id)
    board = Board(birth.board)
    gc.collect()
    gc.freeze()  # what exists now lives on: collections need not look at it again
    if birth.kind == STEWARD:
        steward = Steward(
            engine, board, plan, birth.steward_end, birth.parent, poker(birth.steward_pipe)
        )
        _on_term(steward.stop)
        steward.run()
        return 0
    loop = _loop(birth, plan, engine, board)
    _on_term(loop.stop)
    free_offspring()
    worker_started.send_robust(sender=None, worker=worker_id)
    try:
        loop.run()
    except Exception as error:
        loop.desk.look_at_descriptors(error)
        raise
    finally:
        worker_stopping.send_robust(sender=None, worker=worker_id)
        loop.desk.report()
        try:
            engine.own.close()
        except Exception as error:  # nothing that happens here may hide why it leaves
            logger.debug("closing connections failed: %r", error)
    if loop.wants_successor:
        return SUCCESSOR
    return FINISHED if loop.finished else 0


def _loop(birth: Birth, plan: Plan, engine: Engine, board: Board) -> Loop:
    if plan.cpus:
        affinity.bind(plan.cpus[birth.index % len(plan.cpus)])
    region = board.region(birth.region)
    region.enter()
    made: list[Loop] = []
    desk = Desk(
        engine,
        region,
        plan,
        poker(birth.supervisor_pipe),
        poker(birth.steward_pipe),
        lambda: made[0].gives_up(),
    )
    kind = PoolLoop if plan.threads or plan.concurrency else InlineLoop
    made.append(kind(desk, plan, birth.parent))
    return made[0]


def _settle_in(birth: Birth) -> None:
    """Become a process of its own: group, signals, name, standard input."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    # The supervisor hears these for all of us. What is executed inherits that a signal is
    # ignored, but no handler; only the two of the terminal cannot be answered by doing nothing.
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, lambda number, frame: None)
    for number in (signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(None)
            library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            library.prctl(_PR_SET_NAME, f"convoy-{birth.kind}".encode())  # as ps and top show it
    listening()
    if os.getppid() != birth.parent:  # it died before we asked to be told
        os.kill(os.getpid(), signal.SIGTERM)
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)


def _on_term(stop: Callable[[], None]) -> None:
    def handle(number: int, frame: FrameType | None) -> None:
        stop()

    signal.signal(signal.SIGTERM, handle)
