"""What a process that a task forks must not inherit: how its worker answers signals."""

import os
import signal
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


def free_offspring() -> None:
    """Let what is forked from now on answer signals as Python does by itself.

    Else `Process.terminate()` would tell the copy of a worker to start no more jobs.
    """
    os.register_at_fork(after_in_child=_answer_afresh)


def _answer_afresh() -> None:
    signal.set_wakeup_fd(-1)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for name, answer in _ANSWERS.items():
        signal.signal(getattr(signal, name), answer)
