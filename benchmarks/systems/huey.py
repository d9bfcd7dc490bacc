"""huey with SqliteHuey: two worker processes, its default polling (0.1 s, backing off to 10 s)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import stores

from systems.system import System, Task


class Huey(System):
    """As its documentation sets it up. It leaves SQLite's default, synchronous FULL."""

    name = "huey"
    variant = "SqliteHuey, -w 2 -k process"
    distribution = "huey"
    requirements = ("huey",)
    drain_jobs = 30_000
    cpu_jobs = 5_000
    fsync: bool | None = None

    @cached_property
    def app(self) -> Any:
        import huey

        file = str(stores.current().file)
        return huey.SqliteHuey("bench", filename=file, results=True, fsync=self.fsync)

    def workers(self, python: Path) -> list[list[str]]:
        consumer = str(python.parent / "huey_consumer")
        return [[consumer, "tasks.app", "-w", "2", "-k", "process", "-q"]]

    def decorator(self) -> Callable[[Callable[..., None]], Task]:
        return self.app.task()

    def enqueuer(self, task: Task) -> Callable[..., object]:
        return task

    def unsettled(self) -> int:
        return self.app.pending_count()


class HueyWithoutFsync(Huey):
    """Synchronous OFF, the only other choice that it offers (there is no NORMAL)."""

    name = "huey-no-fsync"
    variant = "SqliteHuey, -w 2 -k process, fsync=False"
    fsync = False


SYSTEMS = (Huey(), HueyWithoutFsync())
