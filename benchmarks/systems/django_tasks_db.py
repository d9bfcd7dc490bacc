"""django-tasks-db, the database backend beside django.tasks: `db_worker` processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from systems.system import DjangoSystem, Task


class DjangoTasksDb(DjangoSystem):
    name = "django-tasks-db"
    distribution = "django-tasks-db"
    requirements = ("django-tasks-db", "Django", "psycopg[binary]")
    stores = ("sqlite", "postgres")
    drain_jobs = 5_000
    cpu_jobs = 3_000

    @property
    def variant(self) -> str:
        return f"{self.processes} x db_worker"

    def settings(self) -> dict[str, Any]:
        return {
            "INSTALLED_APPS": ["django_tasks_db"],
            "TASKS": {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}},
        }

    def workers(self, python: Path) -> list[list[str]]:
        worker = [str(python), "-m", "django", "db_worker", "--no-startup-delay", "-v", "0"]
        return [worker] * self.processes

    def decorator(self, **options: Any) -> Callable[[Callable[..., Any]], Task]:
        from django.tasks import task

        return task

    def unsettled(self) -> int:
        from django_tasks_db.models import DBTaskResult

        return DBTaskResult.objects.filter(status__in=("READY", "RUNNING")).count()


SYSTEMS = (DjangoTasksDb,)
