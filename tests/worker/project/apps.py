"""What the site does when it starts, where a test asks for it."""

import importlib
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.apps import AppConfig

from django_convoy.domain import clock


class Project(AppConfig):
    name = "tests.worker.project"

    def ready(self) -> None:
        if path := os.environ.get("CONVOY_SITE_CLOCK"):
            _follow(Path(path))
        if seconds := os.environ.get("CONVOY_SITE_OUTBOX"):
            table = importlib.import_module("django_convoy.outbox.table")
            relay = importlib.import_module("django_convoy.outbox.relay")
            table.GRACE = relay.LOOK_SECONDS = float(seconds)
        if moment := os.environ.get("CONVOY_SITE_MOVE_DIES"):
            _die_while_moving(*moment.split())
        if name := os.environ.get("CONVOY_SITE_IMPORT"):
            importlib.import_module(name)
        if os.environ.get("CONVOY_SITE_BREAK_CHILDREN") and "worker" not in sys.argv:
            raise RuntimeError("this child cannot start")


def _die_while_moving(moment: str, number: str) -> None:
    """Kill this process before or after it pushes the batch of that number to a move's target."""
    mover = importlib.import_module("django_convoy.moving.mover").Mover
    left, push = [int(number)], mover._put

    def put(self: Any, jobs: Any) -> None:
        left[0] -= bool(jobs)
        if moment == "after":
            push(self, jobs)
        if jobs and not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        if moment == "before":
            push(self, jobs)

    mover._put = put


def _follow(path: Path) -> None:
    """Have Convoy's clock be off by the seconds in a file, as when a host's clock steps."""

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(path.read_text() or 0))

    clock.now = now
