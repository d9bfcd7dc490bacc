"""RQ: a pool of workers; the usual kind forks for each job, the simple kind does not."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import stores

from systems.system import Bulk, System, Task

HERE = Path(__file__).resolve().parents[1]


class Rq(System):
    name = "rq"
    distribution = "rq"
    requirements = ("rq", "hiredis")
    stores = ("redis",)
    drain_jobs = 2_000
    cpu_jobs = 1_000
    has_bulk = True
    kind: str | None = None  # of worker

    @property
    def variant(self) -> str:
        kind = f" -w {self.kind}" if self.kind else ""
        return f"rq worker-pool -n {self.processes}{kind}"

    @cached_property
    def queue(self) -> Any:
        import redis
        import rq

        return rq.Queue("default", connection=redis.Redis.from_url(stores.current().url))

    def workers(self, python: Path) -> list[list[str]]:
        command = [str(python.parent / "rq"), "worker-pool", "default", "-P", str(HERE)]
        command += ["-u", "{url}", "-n", str(self.processes), "-l", "WARNING"]
        if self.kind:
            command += ["-w", self.kind]
        return [command]

    def decorator(self, **options: Any) -> Callable[[Callable[..., Any]], Task]:
        return lambda function: function

    def enqueuer(self, task: Task) -> Callable[..., Any]:
        return lambda *arguments: self.queue.enqueue(task, *arguments)

    def bulk(self, task: Task) -> Bulk:
        def enqueue(arguments: Any) -> None:
            self.queue.enqueue_many([type(self.queue).prepare_data(task) for _ in arguments])

        return enqueue

    def unsettled(self) -> int:
        return self.queue.count + self.queue.started_job_registry.get_job_count(cleanup=False)


class RqSimple(Rq):
    """No fork for a job, so none of the protection that it gives either."""

    name = "rq-simple"
    drain_jobs = 6_000
    cpu_jobs = 3_000
    kind = "rq.worker.SimpleWorker"


SYSTEMS = (Rq, RqSimple)
