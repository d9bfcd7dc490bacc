"""What a file in this folder says about its task queue."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

Task = Any
Bulk = Callable[[Iterable[tuple[Any, ...]]], object]


class System:
    """A task queue as its user would set it up, on one store: two processes, results kept.

    The runner (standard library only) reads the attributes, `variant` and `workers`; everything
    else runs in the system's own virtualenv.
    """

    name: str
    synchronous = "NORMAL"  # of SQLite, where the system leaves it to its user
    distribution: str
    requirements: tuple[str, ...]
    stores: tuple[str, ...]
    drain_jobs: int
    cpu_jobs: int
    io_jobs = 1_000
    has_bulk = False
    has_stream = False
    has_atomic = False
    has_tables = False  # it can say how large they are
    scales = True  # to the wanted number of processes
    tasks = "tasks"  # the module with its jobs: plain functions, or coroutines
    environment: dict[str, str] = {}  # noqa: RUF012  # `{url}` as in `workers`
    app: Any = None  # for a worker's command line that names an application object

    def __init__(self, store: str, processes: int, concurrency: int = 1) -> None:
        self.store = store
        self.processes = processes
        self.concurrency = concurrency  # jobs at a time in a process, where that is a choice

    @property
    def variant(self) -> str:
        """How it is set up, in a few words."""
        raise NotImplementedError

    def workers(self, python: Path) -> list[list[str]]:
        """The command lines that together make the wanted number of processes.

        `{url}` in them becomes the address of the store.
        """
        raise NotImplementedError

    def setup(self) -> None:
        """Called first in every client."""

    def prepare(self) -> None:
        """Create the tables in an empty store."""

    def decorator(self, **options: Any) -> Callable[[Callable[..., Any]], Task]:
        raise NotImplementedError

    def enqueuer(self, task: Task) -> Callable[..., Any]:
        """What a user calls to enqueue one job of the task."""
        raise NotImplementedError

    def bulk(self, task: Task) -> Bulk:
        """What a user calls to enqueue many; with `has_stream` it takes a long generator too."""
        raise NotImplementedError

    def unsettled(self) -> int:
        """How many jobs the store does not yet show as finished."""
        raise NotImplementedError

    def updated(self) -> int:
        """With `has_atomic`: how many updates the jobs of `tasks.update` have left behind."""
        raise NotImplementedError

    def tables(self) -> Any:
        """With `has_tables`: who answers `footprint.py`."""
        raise NotImplementedError

    def run_calls(self, call: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> None:
        """Call once for each arguments, one after the other."""
        for each in arguments:
            call(*each)


class AsyncSystem(System):
    """Its jobs and its calls are coroutines."""

    tasks = "async_tasks"

    def setup(self) -> None:
        factory = None
        if importlib.util.find_spec("uvloop"):
            import uvloop

            factory = uvloop.new_event_loop
        self.runner = asyncio.Runner(loop_factory=factory)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(coroutine)

    def run_calls(self, call: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> None:
        async def all_of_them() -> None:
            for each in arguments:
                await call(*each)

        self.run(all_of_them())


class DjangoSystem(System):
    environment = {"DJANGO_SETTINGS_MODULE": "django_settings"}  # noqa: RUF012

    def settings(self) -> dict[str, Any]:
        """The Django settings that this system asks for."""
        raise NotImplementedError

    def setup(self) -> None:
        import django

        django.setup()

    def prepare(self) -> None:
        from django.core.management import call_command

        call_command("migrate", verbosity=0)

    def enqueuer(self, task: Task) -> Callable[..., Any]:
        return task.enqueue

    def count(self, sql: str) -> int:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]
