"""Starts children: by fork where it is safe, else by exec."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

from django_convoy.worker.child import Birth, MakeEngine, live
from django_convoy.worker.ending import leave
from django_convoy.worker.hearing import deafness
from django_convoy.worker.plan import Plan

logger = logging.getLogger("django_convoy.supervisor")
FORK, EXEC = "fork", "exec"
LEAVING_SECONDS = 1.0
"""How long threads are waited for that are about to end: those of a client that was closed."""
_TASKS = Path("/proc/self/task")


def start_method() -> str:
    """Return how children are started here; says why when it is not by fork on Linux."""
    if sys.platform != "linux":
        return EXEC
    if os.environ.get("CONVOY_START") == EXEC:
        return EXEC
    end = time.monotonic() + LEAVING_SECONDS
    while (others := _other_threads()) and time.monotonic() < end:
        time.sleep(0.01)
    if others:
        names = [one.name for one in threading.enumerate() if one is not threading.main_thread()]
        who = ", ".join(names) or "started by a C extension"
        logger.warning(
            "%d threads run in the supervisor (%s), so children are started by exec, which "
            "takes longer and shares no memory; start threads in AppConfig.ready() only in the "
            "processes that need them",
            others,
            who,
        )
        return EXEC
    return FORK


def _other_threads() -> int:
    return len(list(_TASKS.iterdir())) - 1 if _TASKS.exists() else threading.active_count() - 1


def start(method: str, birth: Birth, plan: Plan, make_engine: MakeEngine) -> int:
    """Start a child; return its pid."""
    if method == FORK:
        return _fork(birth, plan, make_engine)
    module, function = make_engine.__module__, make_engine.__qualname__
    inherited = (birth.board, birth.supervisor_pipe, birth.steward_pipe, birth.steward_end)
    process = subprocess.Popen(  # noqa: S603 - our own module
        [
            sys.executable,
            "-m",
            "django_convoy.worker.newborn",
            birth.to_json(),
            json.dumps(plan.to_json()),
            f"{module}:{function}",
        ],
        pass_fds=inherited,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    process.returncode = 0  # reaped by the supervisor, not by this object
    return process.pid


def _fork(birth: Birth, plan: Plan, make_engine: MakeEngine) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    with deafness():  # a child that hears as its parent would tell its parent
        pid = os.fork()
        if not pid:
            _be_born(birth, plan, make_engine)
    return pid


def _be_born(birth: Birth, plan: Plan, make_engine: MakeEngine) -> NoReturn:
    status = 1
    try:
        status = live(birth, plan, make_engine)
    except BaseException:
        logger.exception("%s failed", birth.kind)
    finally:
        leave(status)
