"""Celery with its default pool (prefork), prefetching and acknowledging; no result backend."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import stores

from systems.system import System, Task


class Celery(System):
    name = "celery"
    distribution = "celery"
    requirements = ("celery[redis]", "hiredis")
    stores = ("redis",)
    drain_jobs = 12_000
    cpu_jobs = 4_000

    @property
    def flags(self) -> list[str]:
        """Processes, or threads of one process where jobs wait for I/O."""
        pool = "prefork" if self.concurrency == 1 else "threads"
        return ["-P", pool, "-c", str(self.processes * self.concurrency)]

    @property
    def variant(self) -> str:
        return f"celery worker {' '.join(self.flags)}"

    @cached_property
    def app(self) -> Any:
        import celery

        app = celery.Celery("bench", broker=stores.current().url)
        app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)
        return app

    def workers(self, python: Path) -> list[list[str]]:
        command = [str(python.parent / "celery"), "-A", "tasks:app", "worker", "-l", "WARNING"]
        return [[*command, *self.flags]]

    def decorator(self, **options: Any) -> Callable[[Callable[..., Any]], Task]:
        return self.app.task

    def enqueuer(self, task: Task) -> Callable[..., Any]:
        return task.delay

    def unsettled(self) -> int:
        """In the queue, or taken by a worker and not acknowledged."""
        with self.app.connection_for_read() as connection:
            client = connection.default_channel.client
            return client.llen("celery") + client.hlen("unacked")


SYSTEMS = (Celery,)
