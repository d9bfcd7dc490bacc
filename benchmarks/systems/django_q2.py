"""django-q2: one cluster with its workers, on any of its brokers."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jobs
import stores

from systems.system import DjangoSystem, Task

NAME = "bench"


class DjangoQ2(DjangoSystem):
    """Its defaults. Results are rows of the Django database, whatever the broker is."""

    name = "django-q2"
    distribution = "django-q2"
    requirements = ("django-q2", "Django", "psycopg[binary]", "redis[hiredis]", "pymongo", "boto3")
    stores = ("postgres", "redis", "mongodb", "sqs", "sqs-10ms")
    # It leaves the server of SQS to boto3.
    environment = {**DjangoSystem.environment, "AWS_ENDPOINT_URL_SQS": "{url}"}  # noqa: RUF012
    drain_jobs = 4_500  # workers are replaced every 500: a short run would not show it
    cpu_jobs = 1_500
    cluster: dict[str, Any] = {}  # noqa: RUF012
    sqs: dict[str, Any] = {}  # noqa: RUF012

    @property
    def broker(self) -> str:
        return stores.kind(self.store)

    @property
    def variant(self) -> str:
        options = {**self.cluster, **(self.sqs if self.broker == "sqs" else {})}
        chosen = "".join(f", {name} {value:,}" for name, value in options.items())
        return f"qcluster, workers {self.processes}{chosen}"

    def settings(self) -> dict[str, Any]:
        cluster = {
            "name": NAME,
            "workers": self.processes,
            "timeout": 60,
            "retry": 600,
            "log_level": "WARNING",
            **self.cluster,
            **self.place(),
        }
        return {
            "INSTALLED_APPS": ["django_q"],
            "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
            "Q_CLUSTER": cluster,
        }

    def place(self) -> dict[str, Any]:
        url = stores.current().url
        if self.broker == "redis":
            return {"redis": url}
        if self.broker == "mongodb":
            return {"mongo": {"host": url}}
        if self.broker == "sqs":
            return {"sqs": {"aws_region": stores.Sqs.region, **stores.Sqs.key, **self.sqs}}
        return {"orm": "default"}

    def prepare(self) -> None:
        super().prepare()
        if self.broker == "sqs":
            import boto3

            queues = boto3.client("sqs", region_name=stores.Sqs.region, **stores.Sqs.key)
            queues.create_queue(QueueName=NAME)

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
        if self.broker == "postgres":
            return self.count("SELECT count(*) FROM django_q_ormq")
        from django_q.brokers import get_broker

        broker = get_broker()
        if self.broker == "redis":
            return self.unsettled_on_redis(broker)
        if self.broker == "mongodb":
            return broker.collection.estimated_document_count()
        broker.queue.load()  # it remembers what it was told
        return broker.queue_size() + broker.lock_size()

    def unsettled_on_redis(self, broker: Any) -> int:
        from django.utils import timezone
        from django_q.status import Stat

        if waiting := broker.queue_size():
            return waiting
        since_end = timedelta(microseconds=(time.monotonic_ns() - jobs.span()[1]) // 1_000)
        stats = [s for s in Stat.get_all(broker) if s.timestamp > timezone.now() - since_end]
        return sum(stat.done_q_size + stat.task_q_size for stat in stats) if stats else 1


class DjangoQ2Tuned(DjangoQ2):
    """Successes are not saved, tasks go around by the fifty, on SQS by the ten in long polls."""

    name = "django-q2-tuned"
    drain_jobs = 6_000
    cpu_jobs = 4_000
    cluster = {  # noqa: RUF012
        "save_limit": -1,
        "bulk": 50,
        "queue_limit": 200,
        "recycle": 1_000_000,
        "poll": 0.05,
    }
    sqs = {"receive_message_wait_time_seconds": 20}  # noqa: RUF012


SYSTEMS = (DjangoQ2, DjangoQ2Tuned)
