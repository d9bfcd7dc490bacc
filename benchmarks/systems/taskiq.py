"""taskiq on a Redis stream, which acknowledges: processes with its default hundred coroutines."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import stores

from systems.system import AsyncSystem, Task


class Taskiq(AsyncSystem):
    name = "taskiq"
    distribution = "taskiq"
    requirements = ("taskiq", "taskiq-redis", "hiredis", "uvloop", "orjson")
    stores = ("redis",)
    drain_jobs = 30_000
    cpu_jobs = 20_000
    io_jobs = 4_000
    flags: tuple[str, ...] = ()

    @property
    def variant(self) -> str:
        flags = " ".join(["--workers", str(self.processes), *self.flags])
        return f"RedisStreamBroker, taskiq worker {flags}"

    @cached_property
    def app(self) -> Any:
        from taskiq_redis import RedisStreamBroker

        return RedisStreamBroker(stores.current().url)

    def workers(self, python: Path) -> list[list[str]]:
        command = [str(python.parent / "taskiq"), "worker", "async_tasks:app"]
        return [[*command, "--workers", str(self.processes), "--log-level", "WARNING", *self.flags]]

    def setup(self) -> None:
        super().setup()
        self.run(self.app.startup())  # makes the group of its consumers

    def decorator(self, **options: Any) -> Callable[[Callable[..., Any]], Task]:
        def decorate(function: Callable[..., Any]) -> Task:
            return self.app.task(task_name=function.__name__)(function)

        return decorate

    def enqueuer(self, task: Task) -> Callable[..., Any]:
        return task.kiq

    def unsettled(self) -> int:
        """Not yet delivered, or delivered and not acknowledged."""

        async def count() -> int:
            import redis.asyncio

            async with redis.asyncio.Redis.from_url(stores.current().url) as client:
                (group,) = await client.xinfo_groups(self.app.queue_name)
                return group["pending"] + (group["lag"] or 0)

        return self.run(count())


class TaskiqTuned(Taskiq):
    """It fetches a hundred jobs ahead, and passes arguments on as they came."""

    name = "taskiq-tuned"
    flags = ("--no-parse", "--max-prefetch", "100")


SYSTEMS = (Taskiq, TaskiqTuned)
