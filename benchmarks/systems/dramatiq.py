"""Dramatiq: processes with its default eight threads each; no results, as is its default."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import stores

from systems.system import System, Task

PREFETCH = 100


class Dramatiq(System):
    name = "dramatiq"
    distribution = "dramatiq"
    requirements = ("dramatiq[redis]", "hiredis")
    stores = ("redis",)
    drain_jobs = 20_000
    cpu_jobs = 20_000
    io_jobs = 3_000

    @property
    def variant(self) -> str:
        return f"dramatiq {' '.join(self.flags)}"

    @property
    def flags(self) -> list[str]:
        return ["-p", str(self.processes)]

    @cached_property
    def app(self) -> Any:
        """The broker, which actors find by themselves."""
        import dramatiq
        from dramatiq.brokers.redis import RedisBroker

        broker = RedisBroker(url=stores.current().url)
        dramatiq.set_broker(broker)
        return broker

    def workers(self, python: Path) -> list[list[str]]:
        return [[str(python.parent / "dramatiq"), "tasks", *self.flags]]

    def decorator(self, **options: Any) -> Callable[[Callable[..., Any]], Task]:
        import dramatiq

        return dramatiq.actor

    def enqueuer(self, task: Task) -> Callable[..., Any]:
        return task.send

    def unsettled(self) -> int:
        """In the queue, or fetched by a worker and not acknowledged."""
        client = self.app.client
        fetched = client.keys("dramatiq:__acks__.*")
        return client.llen("dramatiq:default") + sum(map(client.scard, fetched))


class DramatiqTuned(Dramatiq):
    """One thread in each process, which fetches a hundred jobs ahead."""

    name = "dramatiq-tuned"
    drain_jobs = 80_000
    environment = {"dramatiq_queue_prefetch": str(PREFETCH)}  # noqa: RUF012

    @property
    def variant(self) -> str:
        return f"{super().variant}, prefetch {PREFETCH}"

    @property
    def flags(self) -> list[str]:
        return [*super().flags, "-t", str(self.concurrency)]


SYSTEMS = (Dramatiq, DramatiqTuned)
