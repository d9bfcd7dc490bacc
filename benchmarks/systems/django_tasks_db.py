"""django-tasks-db, the database backend beside django.tasks: two `db_worker` processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from systems.system import DjangoSystem, Task


class DjangoTasksDb(DjangoSystem):
    name = "django-tasks-db"
    variant = "2 x db_worker"
    distribution = "django-tasks-db"
    requirements = ("django-tasks-db", "Django")
    drain_jobs = 5_000
    cpu_jobs = 3_000

    def settings(self) -> dict[str, Any]:
        return {
            "INSTALLED_APPS": ["django_tasks_db"],
            "TASKS": {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}},
        }

    def workers(self, python: Path) -> list[list[str]]:
        worker = [str(python), "-m", "django", "db_worker", "--no-startup-delay", "-v", "0"]
        return [worker, worker]

    def decorator(self) -> Callable[[Callable[..., None]], Task]:
        from django.tasks import task

        return task

    def unsettled(self) -> int:
        from django_tasks_db.models import DBTaskResult

        return DBTaskResult.objects.filter(status__in=("READY", "RUNNING")).count()


SYSTEMS = (DjangoTasksDb(),)
