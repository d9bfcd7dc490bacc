"""The signals that a supervisor hears, and moments at which nobody could."""

import contextlib
import signal
from collections.abc import Iterator

_NAMES = ("SIGCHLD", "SIGTERM", "SIGINT", "SIGHUP", "SIGTTIN", "SIGTTOU")


def heard_signals() -> list[signal.Signals]:
    """Return them; not every platform has them."""
    return [getattr(signal, name) for name in _NAMES]


def deaf() -> None:
    """Let them wait, also in whatever this process becomes by exec."""
    signal.pthread_sigmask(signal.SIG_BLOCK, heard_signals())


def listening() -> None:
    """Let them come, those that waited at once."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, heard_signals())


@contextlib.contextmanager
def deafness() -> Iterator[None]:
    """Let them wait for a moment."""
    deaf()
    try:
        yield
    finally:
        listening()
