"""Chancy: one worker whose executor has the wanted number of processes, its default kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import stores

from systems.system import Bulk, System, Task


class Chancy(System):
    name = "chancy"
    distribution = "chancy"
    requirements = ("chancy[cli]", "psycopg[binary]")
    stores = ("postgres",)
    drain_jobs = 3_000
    cpu_jobs = 1_500
    has_bulk = True

    @property
    def variant(self) -> str:
        return f"chancy worker, concurrency {self.processes}, eager polling"

    @cached_property
    def app(self) -> Any:
        import chancy

        return chancy.Chancy(stores.current().url)

    def workers(self, python: Path) -> list[list[str]]:
        return [[str(python.parent / "chancy"), "--app", "tasks.app", "worker", "start"]]

    def prepare(self) -> None:
        import asyncio

        import chancy

        async def create() -> None:
            async with self.app as app:
                await app.migrate()
                queue = chancy.Queue("default", concurrency=self.processes, eager_polling=True)
                await app.declare(queue, upsert=True)

        asyncio.run(create())

    def decorator(self, **options: Any) -> Callable[[Callable[..., Any]], Task]:
        import chancy

        return chancy.job()

    def enqueuer(self, task: Task) -> Callable[..., Any]:
        def enqueue(*arguments: Any) -> None:
            job = task.job
            if arguments:
                job = job.with_kwargs(index=arguments[0], before_enqueue=arguments[1])
            self.app.sync_push(job)

        return enqueue

    def bulk(self, task: Task) -> Bulk:
        def enqueue(arguments: Any) -> None:
            for _ in self.app.sync_push_many([task.job] * len(arguments)):
                pass

        return enqueue

    def unsettled(self) -> int:
        import psycopg

        sql = "SELECT count(*) FROM chancy_jobs WHERE state IN ('pending', 'running', 'retrying')"
        with psycopg.connect(stores.current().url) as connection:
            row = connection.execute(sql).fetchone()
        assert row is not None
        return row[0]


SYSTEMS = (Chancy,)
