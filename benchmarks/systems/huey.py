"""huey as its documentation sets it up; polling of SQLite is its default, 0.1 s up to 10 s."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import stores

from systems.system import System, Task


class Huey(System):
    """On SQLite it leaves the default, synchronous FULL."""

    name = "huey"
    distribution = "huey"
    requirements = ("huey", "redis[hiredis]")
    stores = ("sqlite", "redis")
    drain_jobs = 30_000
    cpu_jobs = 20_000
    fsync: bool | None = None

    @property
    def variant(self) -> str:
        return f"{self.store.capitalize()}Huey, {' '.join(self.flags)}"

    @property
    def flags(self) -> list[str]:
        """Processes, and threads where jobs wait for I/O: it has no threads in processes."""
        kind = "process" if self.concurrency == 1 else "thread"
        return ["-w", str(self.processes * self.concurrency), "-k", kind]

    @cached_property
    def app(self) -> Any:
        import huey

        store = stores.current()
        if self.store == "redis":
            return huey.RedisHuey("bench", url=store.url, results=True)
        return huey.SqliteHuey("bench", filename=str(store.file), results=True, fsync=self.fsync)

    def workers(self, python: Path) -> list[list[str]]:
        return [[str(python.parent / "huey_consumer"), "tasks.app", *self.flags, "-q"]]

    def decorator(self, **options: Any) -> Callable[[Callable[..., Any]], Task]:
        return self.app.task()

    def enqueuer(self, task: Task) -> Callable[..., Any]:
        return task

    def unsettled(self) -> int:
        return self.app.pending_count()


class HueyTuned(Huey):
    """It polls SQLite each 10 to 50 ms (Redis wakes it), and looks for no periodic tasks."""

    name = "huey-tuned"

    @property
    def flags(self) -> list[str]:
        return [*super().flags, "-d", "0.01", "-m", "0.05", "-n"]


class HueyWithoutFsync(Huey):
    """Synchronous OFF, the only other choice that it offers (there is no NORMAL)."""

    name = "huey-no-fsync"
    stores = ("sqlite",)
    fsync = False

    @property
    def variant(self) -> str:
        return f"{super().variant}, fsync=False"


SYSTEMS = (Huey, HueyTuned, HueyWithoutFsync)
