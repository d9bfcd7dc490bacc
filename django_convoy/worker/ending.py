"""Ends a process at once: a worker's, with or without what its tasks started, or one's own."""

import contextlib
import logging
import os
import signal
import sys
from typing import NoReturn

from django_convoy.worker.board import Region
from django_convoy.worker.layout import RUNNING, Slot


def leave(status: int) -> NoReturn:
    """End this process now: threads that tasks left behind cannot hold it."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    logging.shutdown()
    os._exit(status)


def end(pid: int, *, family: bool) -> None:
    """Send SIGKILL; family: to its whole process group. It may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if family:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)


def end_for(region: Region, reason: int, slot: Slot, *, family: bool) -> None:
    """End a worker because of one job: stop it, look again, and kill it only if it still runs
    that job; else it goes on."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(region.pid, signal.SIGSTOP)
        same = region.read(slot.index)
        if same is None or same.serial != slot.serial or same.state != RUNNING:
            os.kill(region.pid, signal.SIGCONT)
            return
        region.doom(reason, slot.index)
        end(region.pid, family=family)
