"""`--reload`: a child that sends HUP to its supervisor when a source file changes."""

import os
import signal
import time
from pathlib import Path

from django.utils.autoreload import iter_all_python_module_files

LOOK_SECONDS = 1.0


def _snapshot() -> dict[Path, float]:
    times = {}
    for path in iter_all_python_module_files():
        try:
            times[path] = path.stat().st_mtime
        except OSError:
            continue  # being replaced right now; the next look sees it
    return times


def watch(supervisor: int, since: float) -> None:
    """Look every second until the supervisor is gone. since: when it began to load its code."""
    before = _snapshot()
    if any(since < at <= time.time() for at in before.values()):  # while it started
        os.kill(supervisor, signal.SIGHUP)
        return
    while os.getppid() == supervisor:
        time.sleep(LOOK_SECONDS)
        after = _snapshot()
        if any(after.get(path, at) != at for path, at in before.items()):
            os.kill(supervisor, signal.SIGHUP)
            return
        before = after
