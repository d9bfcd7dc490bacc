"""Convoy from this checkout: one supervisor with two worker processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from systems.system import Bulk, DjangoSystem, Task

CHECKOUT = Path(__file__).resolve().parents[2]


class Convoy(DjangoSystem):
    name = "convoy"
    variant = "worker --processes 2"
    distribution = "django-convoy"
    requirements = ("-e", str(CHECKOUT), "Django")
    drain_jobs = 40_000
    cpu_jobs = 6_000
    has_bulk = True
    has_stream = True

    def settings(self) -> dict[str, Any]:
        return {
            "INSTALLED_APPS": ["django_convoy"],
            "TASKS": {
                "default": {
                    "BACKEND": "django_convoy.backend.ConvoyBackend",
                    "QUEUES": [],
                    "OPTIONS": {},
                }
            },
        }

    def workers(self, python: Path) -> list[list[str]]:
        return [[str(python), "-m", "django", "convoy", "worker", "--processes", "2"]]

    def decorator(self) -> Callable[[Callable[..., None]], Task]:
        from django_convoy import task

        return task

    def bulk(self, task: Task) -> Bulk:
        return task.enqueue_many

    def unsettled(self) -> int:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT 1 FROM convoy_job)")
            return cursor.fetchone()[0]


class ConvoyFull(Convoy):
    """Every commit is on the disk before the call returns."""

    name = "convoy-full"
    variant = "worker --processes 2, synchronous FULL"
    synchronous = "FULL"


SYSTEMS = (Convoy(), ConvoyFull())
