"""django-q2: one cluster with its workers, on its ORM broker or on Redis."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jobs
import stores

from systems.system import DjangoSystem, Task


class DjangoQ2(DjangoSystem):
    """Its defaults. Results are rows of the Django database, also where Redis is the broker."""

    name = "django-q2"
    distribution = "django-q2"
    requirements = ("django-q2", "Django", "psycopg[binary]", "redis")
    stores = ("postgres", "redis")
    drain_jobs = 4_500  # workers are replaced every 500: a short run would not show it
    cpu_jobs = 1_500
    cluster: dict[str, Any] = {}  # noqa: RUF012

    @property
    def variant(self) -> str:
        chosen = "".join(f", {name} {value:,}" for name, value in self.cluster.items())
        return f"qcluster, workers {self.processes}{chosen}"

    def settings(self) -> dict[str, Any]:
        cluster = {
            "name": "bench",
            "workers": self.processes,
            "timeout": 60,
            "retry": 600,
            "log_level": "WARNING",
            **self.cluster,
        }
        if self.store == "redis":
            cluster["redis"] = stores.current().url
        else:
            cluster["orm"] = "default"
        return {
            "INSTALLED_APPS": ["django_q"],
            "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
            "Q_CLUSTER": cluster,
        }

    def workers(self, python: Path) -> list[list[str]]:
        return [[str(python), "-m", "django", "qcluster"]]

    def decorator(self, **options: Any) -> Callable[[Callable[..., Any]], Task]:
        return lambda function: function

    def enqueuer(self, task: Task) -> Callable[..., Any]:
        from django_q.brokers import get_broker
        from django_q.tasks import async_task

        broker, path = get_broker(), f"tasks.{task.__name__}"
        return lambda *arguments: async_task(path, *arguments, broker=broker)

    def unsettled(self) -> int:
        """In the broker; with Redis also what its processes hold, as they tell twice a second."""
        if self.store == "postgres":
            return self.count("SELECT count(*) FROM django_q_ormq")
        from django.utils import timezone
        from django_q.brokers import get_broker
        from django_q.status import Stat

        broker = get_broker()
        if waiting := broker.queue_size():
            return waiting
        since_end = timedelta(microseconds=(time.monotonic_ns() - jobs.span()[1]) // 1_000)
        stats = [s for s in Stat.get_all(broker) if s.timestamp > timezone.now() - since_end]
        return sum(stat.done_q_size + stat.task_q_size for stat in stats) if stats else 1


class DjangoQ2Tuned(DjangoQ2):
    """Successes are not saved, and tasks go around by the fifty."""

    name = "django-q2-tuned"
    drain_jobs = 6_000
    cpu_jobs = 4_000
    cluster = {  # noqa: RUF012
        "save_limit": -1,
        "bulk": 50,
        "queue_limit": 200,
        "recycle": 1_000_000,
    }


SYSTEMS = (DjangoQ2, DjangoQ2Tuned)
