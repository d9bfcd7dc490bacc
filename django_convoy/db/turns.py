"""Writers of one SQLite file take turns.

SQLite has one writer; who finds it busy sleeps for 1, 2, 5, 10 ... milliseconds, mostly for
too long. Workers of one host ask for a byte lock first, in steps of a fraction of that. It is
a courtesy: after a while they go on without it, and SQLite's own lock decides.
"""

import contextlib
import importlib
import os
import threading
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

STEP = 0.0001
PATIENCE = 0.5


class Turns:
    """One process's place in the queue of writers."""

    def __init__(self, folder: Path) -> None:
        self._fcntl = importlib.import_module("fcntl")  # POSIX only
        folder.mkdir(exist_ok=True)
        self._file = os.open(folder / "writer", os.O_RDWR | os.O_CREAT, 0o666)
        self._threads = threading.Lock()

    @contextlib.contextmanager
    def take(self) -> Iterator[None]:
        """Wait for the turn, for a bounded time, and hold it."""
        with self._threads:
            held = self._lock()
            try:
                yield
            finally:
                if held:
                    self._fcntl.lockf(self._file, self._fcntl.LOCK_UN, 1)

    def _lock(self) -> bool:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self._fcntl.lockf(self._file, self._fcntl.LOCK_EX | self._fcntl.LOCK_NB, 1)
            except OSError:
                if time.monotonic() > end:
                    return False
                time.sleep(STEP)
            else:
                return True


@lru_cache(maxsize=32)
def _open(folder: str, pid: int) -> Turns | None:
    try:
        return Turns(Path(folder))
    except (OSError, ImportError):
        return None


def turns_in(folder: str | None) -> Turns | None:
    """Return this process's place in a folder's queue, None where there is none."""
    return None if folder is None else _open(folder, os.getpid())
