"""`--reload`: a child that sends HUP to its supervisor when a source file changes."""

import math
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from django.utils.autoreload import iter_all_python_module_files

LOOK_SECONDS = 1.0
_INSTALLED = (sys.prefix, sys.base_prefix)


def watch(supervisor: int, since: float) -> None:
    """Look every second until the supervisor is gone. since: when it began to load its code.

    Where the new code starts, a successor takes over; where it does not, the supervisor stays,
    and this one goes on, with an eye on files that only the new code loads.
    """
    before, told = _snapshot(), math.inf
    if any(since < at <= time.time() for at in before.values()):  # while it started
        told = _tell(supervisor)
    while os.getppid() == supervisor:
        time.sleep(LOOK_SECONDS)
        after = _snapshot(beside=told < math.inf)
        if any(at != before[path] if path in before else at > told for path, at in after.items()):
            told = _tell(supervisor)
        before = after


def _tell(supervisor: int) -> float:
    at = time.time()
    os.kill(supervisor, signal.SIGHUP)
    return at


def _snapshot(*, beside: bool = False) -> dict[Path, float]:
    """Return when each loaded file was changed; beside: also those in the same folders, and one
    level below."""
    paths = set(iter_all_python_module_files())
    if beside:
        folders = {path.parent for path in paths if not str(path).startswith(_INSTALLED)}
        paths.update(path for folder in folders for path in _sources(folder))
    times = {}
    for path in paths:
        try:
            times[path] = path.stat().st_mtime
        except OSError:
            continue  # being replaced right now; the next look sees it
    return times


def _sources(folder: Path) -> Iterator[Path]:
    yield from folder.glob("*.py")
    yield from folder.glob("*/*.py")
