"""pgqueuer on asyncpg and uvloop: `pgq run` processes, jobs are coroutines on one thread each."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import stores

from systems.system import AsyncSystem, Bulk, Task


class PgQueuer(AsyncSystem):
    name = "pgqueuer"
    distribution = "pgqueuer"
    # Its command line does not start on typer 0.20 and newer.
    requirements = ("pgqueuer[asyncpg]", "uvloop", "typer<0.20")
    stores = ("postgres",)
    drain_jobs = 60_000
    cpu_jobs = 20_000
    io_jobs = 4_000
    has_bulk = True
    batch: int | None = None

    def __init__(self, store: str, processes: int, concurrency: int = 1) -> None:
        super().__init__(store, processes, concurrency)
        self.entrypoints: dict[str, Callable[..., Any]] = {}

    @property
    def variant(self) -> str:
        batch = f" --batch-size {self.batch}" if self.batch else ""
        return f"{self.processes} x pgq run{batch}"

    def workers(self, python: Path) -> list[list[str]]:
        command = [str(python.parent / "pgq"), "run", "async_tasks:app"]
        if self.batch:
            command += ["--batch-size", str(self.batch)]
        return [command] * self.processes

    @asynccontextmanager
    async def app(self) -> AsyncIterator[Any]:
        """What `pgq run` calls: an instance with the entry points."""
        import asyncpg
        from pgqueuer import PgQueuer
        from pgqueuer.db import AsyncpgDriver

        connection = await asyncpg.connect(stores.current().url)
        queuer = PgQueuer(AsyncpgDriver(connection))
        for name, function in self.entrypoints.items():
            queuer.entrypoint(name)(_called_with_payload(function))
        yield queuer
        await connection.close()

    def decorator(self, **options: Any) -> Callable[[Callable[..., Any]], Task]:
        def register(function: Callable[..., Any]) -> str:
            self.entrypoints[function.__name__] = function
            return function.__name__

        return register

    def setup(self) -> None:
        super().setup()
        import asyncpg
        from pgqueuer.db import AsyncpgDriver
        from pgqueuer.queries import Queries

        self.connection = self.run(asyncpg.connect(stores.current().url))
        self.queries = Queries(AsyncpgDriver(self.connection))

    def prepare(self) -> None:
        self.run(self.queries.install())

    def enqueuer(self, task: Task) -> Callable[..., Any]:
        async def enqueue(*arguments: Any) -> None:
            payload = json.dumps(arguments).encode() if arguments else None
            await self.queries.enqueue(task, payload)

        return enqueue

    def bulk(self, task: Task) -> Bulk:
        async def enqueue(arguments: Any) -> None:
            n = len(arguments)
            await self.queries.enqueue([task] * n, [None] * n, [0] * n)

        return enqueue

    def unsettled(self) -> int:
        return self.run(self.connection.fetchval("SELECT count(*) FROM pgqueuer"))


def _called_with_payload(function: Callable[..., Any]) -> Callable[..., Any]:
    async def entrypoint(job: Any) -> None:
        await function(*(json.loads(job.payload) if job.payload else ()))

    return entrypoint


class PgQueuerTuned(PgQueuer):
    """Claims a hundred at a time."""

    name = "pgqueuer-tuned"
    drain_jobs = 100_000
    batch = 100


SYSTEMS = (PgQueuer, PgQueuerTuned)
