"""What a process that a task forks must not inherit: how its worker answers signals."""

import os
import signal
import threading
from collections.abc import Collection
from typing import Any

_ANSWERS: dict[str, Any] = {
    "SIGTERM": signal.SIG_DFL,
    "SIGALRM": signal.SIG_DFL,
    "SIGINT": signal.default_int_handler,
    # The supervisor hears these for its workers, which ignore them.
    "SIGTTIN": signal.SIG_DFL,
    "SIGTTOU": signal.SIG_DFL,
    "SIGUSR1": signal.SIG_DFL,
}


class _Fork(threading.local):
    """The signals that were blocked in this thread before its fork."""

    blocked: Collection[int] = frozenset()


_fork = _Fork()


def free_offspring() -> None:
    """Let what is forked from now on answer signals as Python does by itself.

    Else `Process.terminate()` would tell the copy of a worker to start no more jobs.
    """
    os.register_at_fork(
        before=_hold_signals, after_in_parent=_release_signals, after_in_child=_answer_afresh
    )


def _hold_signals() -> None:
    # One that came to the child before it answers as it should would be lost.
    numbers = [getattr(signal, name) for name in _ANSWERS]
    _fork.blocked = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)


def _release_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _fork.blocked)


def _answer_afresh() -> None:
    signal.set_wakeup_fd(-1)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for name, answer in _ANSWERS.items():
        signal.signal(getattr(signal, name), answer)
    _release_signals()
