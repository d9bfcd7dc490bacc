"""Convoy from this checkout: one supervisor with its worker processes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import stores

from systems.convoy_tables import Tables
from systems.system import Bulk, DjangoSystem, Task

CHECKOUT = Path(__file__).resolve().parents[2]
ROWS = 1_000  # what jobs of the measure `atomic` update


class Convoy(DjangoSystem):
    name = "convoy"
    distribution = "django-convoy"
    requirements = (
        "-e",
        str(CHECKOUT),
        "Django",
        "psycopg[binary]",
        "redis[hiredis]",
        "pymongo",
        "boto3",
    )
    stores = ("sqlite", "postgres", "redis", "mongodb", "sqs", "sqs-10ms")
    drain_jobs = 40_000
    cpu_jobs = 20_000
    io_jobs = 4_000
    has_bulk = True
    has_stream = True
    options: dict[str, Any] = {}  # noqa: RUF012
    delivery = "at_least_once"

    @property
    def has_atomic(self) -> bool:  # type: ignore[override]
        return self.store == "postgres" and not self.options

    @property
    def has_tables(self) -> bool:  # type: ignore[override]
        return self.has_atomic

    @property
    def variant(self) -> str:
        threads = f" --threads {self.concurrency}" if self.concurrency > 1 else ""
        return f"worker --processes {self.processes}{threads}"

    def settings(self) -> dict[str, Any]:
        return {
            "INSTALLED_APPS": ["django_convoy"],
            "TASKS": {
                "default": {
                    "BACKEND": "django_convoy.backend.ConvoyBackend",
                    "QUEUES": ["default"] if self.broker == "sqs" else [],
                    "OPTIONS": {**self.place(), **self.options},
                }
            },
        }

    @property
    def broker(self) -> str:
        return stores.kind(self.store)

    def place(self) -> dict[str, Any]:
        """Jobs on the server, where it is not the database; on Redis the results, too."""
        url = stores.current().url
        if self.broker == "redis":
            broker = {"name": "redis", "url": url, "delivery": self.delivery}
            return {"broker": broker, "store": "redis"}
        if self.broker == "mongodb":
            return {"broker": {"name": "mongodb", "uri": url}}
        if self.broker == "sqs":
            here = {"endpoint_url": url, "region": stores.Sqs.region, **stores.Sqs.key}
            return {"broker": {"name": "sqs", **here}}
        return {}

    def workers(self, python: Path) -> list[list[str]]:
        command = [str(python), "-m", "django", "convoy", "worker"]
        command += ["--processes", str(self.processes)]
        if self.concurrency > 1:
            command += ["--threads", str(self.concurrency)]
        return [command]

    def prepare(self) -> None:
        super().prepare()
        if self.has_atomic:
            from django.db import connection

            with connection.cursor() as cursor:
                cursor.execute("CREATE TABLE bench_row (id integer PRIMARY KEY, value integer)")
                cursor.execute(
                    "INSERT INTO bench_row SELECT n, 0 FROM generate_series(1, %s) AS n", [ROWS]
                )

    def update_one_row(self) -> None:
        """The body of an atomic job: it commits with its outcome, or not at all."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE bench_row SET value = value + 1 WHERE id = %s", [random.randint(1, ROWS)]
            )

    def updated(self) -> int:
        return self.count("SELECT sum(value) FROM bench_row")

    def tables(self) -> Tables:
        return Tables()

    def decorator(self, **options: Any) -> Callable[[Callable[..., Any]], Task]:
        from django_convoy import task

        return task(**options) if options else task

    def bulk(self, task: Task) -> Bulk:
        return task.enqueue_many

    def unsettled(self) -> int:
        if self.store in ("sqlite", "postgres"):
            return self.count("SELECT EXISTS (SELECT 1 FROM convoy_job)")
        from django_convoy.runtime import runtime_of

        counts = runtime_of("default").shared.broker.counts("default")
        return counts.ready + counts.delayed + counts.leased + counts.buried


class ConvoyNoResults(Convoy):
    """What succeeded leaves no trace, as in systems that keep no results."""

    name = "convoy-no-results"
    stores = ("postgres", "redis", "mongodb", "sqs", "sqs-10ms")
    options = {"store": "none"}  # noqa: RUF012

    @property
    def variant(self) -> str:
        return f"{super().variant}, no results"


class ConvoyAtMostOnce(Convoy):
    """A job leaves the server before it runs, and leaves no result."""

    name = "convoy-at-most-once"
    stores = ("redis",)
    options = {"store": "none"}  # noqa: RUF012
    delivery = "at_most_once"

    @property
    def variant(self) -> str:
        return f"{super().variant}, at most once, no results"


class ConvoyFull(Convoy):
    """Every commit is on the disk before the call returns."""

    name = "convoy-full"
    stores = ("sqlite",)
    synchronous = "FULL"

    @property
    def variant(self) -> str:
        return f"{super().variant}, synchronous FULL"


SYSTEMS = (Convoy, ConvoyNoResults, ConvoyAtMostOnce, ConvoyFull)
