"""procrastinate: ten coroutines in each worker process; enqueued from plain code."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import stores

from systems.system import Bulk, System, Task

CONCURRENCY = 10


class Procrastinate(System):
    name = "procrastinate"
    distribution = "procrastinate"
    requirements = ("procrastinate", "psycopg[binary]")
    stores = ("postgres",)
    tasks = "async_tasks"
    drain_jobs = 6_000
    cpu_jobs = 3_000
    io_jobs = 3_000
    has_bulk = True

    @property
    def variant(self) -> str:
        return f"{self.processes} x worker -c {CONCURRENCY}, coroutines"

    @cached_property
    def app(self) -> Any:
        import procrastinate

        connector = procrastinate.PsycopgConnector(conninfo=stores.current().url)
        return procrastinate.App(connector=connector)

    def workers(self, python: Path) -> list[list[str]]:
        command = [str(python.parent / "procrastinate"), "--log-level", "warning"]
        command += ["-a", "async_tasks.app", "worker", "-c", str(CONCURRENCY)]
        return [command] * self.processes

    def setup(self) -> None:
        import procrastinate

        connector = procrastinate.SyncPsycopgConnector(conninfo=stores.current().url)
        replaced = self.app.replace_connector(connector)
        self.client = replaced.__enter__()
        self.client.open()
        self.replaced = replaced  # it ends with the process

    def prepare(self) -> None:
        self.client.schema_manager.apply_schema()

    def decorator(self, **options: Any) -> Callable[[Callable[..., Any]], Task]:
        def decorate(function: Callable[..., Any]) -> Task:
            return self.app.task(name=function.__name__)(function)

        return decorate

    def enqueuer(self, task: Task) -> Callable[..., Any]:
        def enqueue(*arguments: Any) -> None:
            task.defer(**dict(zip(("index", "before_enqueue"), arguments, strict=False)))

        return enqueue

    def bulk(self, task: Task) -> Bulk:
        return lambda arguments: task.batch_defer(*({} for _ in arguments))

    def unsettled(self) -> int:
        sql = "SELECT count(*) AS n FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
        return self.client.connector.execute_query_one(sql)["n"]


SYSTEMS = (Procrastinate,)
