"""SAQ on Redis or PostgreSQL: processes with its default ten coroutines each."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import stores

from systems.system import AsyncSystem, Task

ARGUMENTS = ("index", "before_enqueue")


class Saq(AsyncSystem):
    name = "saq"
    distribution = "saq"
    requirements = ("saq[redis,hiredis,postgres]", "psycopg[binary]")
    stores = ("postgres", "redis")
    drain_jobs = 10_000
    cpu_jobs = 3_000
    io_jobs = 3_000

    @property
    def variant(self) -> str:
        return f"{self.processes} x saq"

    @cached_property
    def queue(self) -> Any:
        from saq import Queue

        return Queue.from_url(stores.current().url)

    @cached_property
    def app(self) -> dict[str, Any]:
        """What `saq` is started with; tasks are added to it as they are declared."""
        return {"queue": self.queue, "functions": []}

    def workers(self, python: Path) -> list[list[str]]:
        command = [str(python.parent / "saq"), "async_tasks.app", "--quiet"]
        return [command] * self.processes

    def setup(self) -> None:
        super().setup()
        self.run(self.queue.connect())  # creates the tables, too

    def decorator(self, **options: Any) -> Callable[[Callable[..., Any]], Task]:
        def register(function: Callable[..., Any]) -> str:
            async def job(context: Any, **arguments: Any) -> None:
                await function(**arguments)

            self.app["functions"].append((function.__name__, job))
            return function.__name__

        return register

    def enqueuer(self, task: Task) -> Callable[..., Any]:
        async def enqueue(*arguments: Any) -> None:
            await self.queue.enqueue(task, **dict(zip(ARGUMENTS, arguments, strict=False)))

        return enqueue

    def unsettled(self) -> int:
        return self.run(self.queue.count("incomplete"))


SYSTEMS = (Saq,)
