"""django-ox, a database backend of django.tasks: as its production guide runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from systems.system import Bulk, DjangoSystem, Task

THREADS = {"postgres": 4, "sqlite": 8}


class DjangoOx(DjangoSystem):
    """On PostgreSQL four threads a process; on SQLite the guide says one process, eight threads."""

    name = "django-ox"
    distribution = "django-ox"
    requirements = ("django-ox", "Django", "psycopg[binary]")
    stores = ("sqlite", "postgres")
    drain_jobs = 4_000
    cpu_jobs = 2_000
    has_bulk = True

    @property
    def flags(self) -> list[str]:
        threads = ["--concurrency", str(THREADS[self.store])]
        if self.store == "sqlite":
            return threads
        return ["--processes", str(self.processes), *threads]

    @property
    def scales(self) -> bool:  # type: ignore[override]
        return self.store != "sqlite"

    @property
    def variant(self) -> str:
        return f"ox_worker {' '.join(self.flags)}"

    def settings(self) -> dict[str, Any]:
        return {
            "INSTALLED_APPS": ["django_ox"],
            "TASKS": {"default": {"BACKEND": "django_ox.backend.OxBackend"}},
        }

    def workers(self, python: Path) -> list[list[str]]:
        return [[str(python), "-m", "django", "ox_worker", *self.flags, "-v", "0"]]

    def decorator(self, **options: Any) -> Callable[[Callable[..., Any]], Task]:
        from django.tasks import task

        return task

    def bulk(self, task: Task) -> Bulk:
        from django_ox.bulk import enqueue_many

        return lambda arguments: enqueue_many(task, [(each, {}) for each in arguments])

    def unsettled(self) -> int:
        from django_ox.models import OxTask

        return OxTask.objects.filter(status__in=("READY", "RUNNING")).count()


SYSTEMS = (DjangoOx,)
