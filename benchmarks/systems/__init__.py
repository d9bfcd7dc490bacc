"""The task queues that are compared: one file each, importable without the queue itself."""

from __future__ import annotations

import importlib
import os

from systems.system import System

MODULES = {
    "convoy": "convoy",
    "huey": "huey",
    "django-tasks-db": "django_tasks_db",
    "convoy-full": "convoy",
    "huey-no-fsync": "huey",
}
USUAL = ("convoy", "huey", "django-tasks-db")  # the others are measured when they are asked for


def find(name: str) -> System:
    module = importlib.import_module(f"systems.{MODULES[name]}")
    return next(system for system in module.SYSTEMS if system.name == name)


def current() -> System:
    """The system that this process was started for (in a client or a worker)."""
    return find(os.environ["BENCH_SYSTEM"])
