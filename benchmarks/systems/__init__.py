"""The task queues that are compared: one file each, importable without the queue itself."""

from __future__ import annotations

import functools
import importlib
import os

from systems.system import System

MODULES = {
    "convoy": "convoy",
    "convoy-no-results": "convoy",
    "convoy-at-most-once": "convoy",
    "pgqueuer": "pgqueuer",
    "pgqueuer-tuned": "pgqueuer",
    "procrastinate": "procrastinate",
    "huey": "huey",
    "huey-tuned": "huey",
    "rq": "rq",
    "celery": "celery",
    "dramatiq": "dramatiq",
    "dramatiq-tuned": "dramatiq",
    "django-q2": "django_q2",
    "django-q2-tuned": "django_q2",
    "django-ox": "django_ox",
    "django-tasks-db": "django_tasks_db",
    "saq": "saq",
    "taskiq": "taskiq",
    "taskiq-tuned": "taskiq",
    "chancy": "chancy",
    "rq-simple": "rq",
    "convoy-full": "convoy",
    "huey-no-fsync": "huey",
}
ASKED_FOR = ("rq-simple", "convoy-full", "huey-no-fsync")
# What of these runs on a store is measured there; the others when they are asked for.
USUAL = tuple(name for name in MODULES if name not in ASKED_FOR)


def find(name: str) -> type[System]:
    module = importlib.import_module(f"systems.{MODULES[name]}")
    return next(system for system in module.SYSTEMS if system.name == name)


@functools.cache
def current() -> System:
    """The system that this process was started for (in a client or a worker)."""
    system = find(os.environ["BENCH_SYSTEM"])
    return system(os.environ["BENCH_STORE"], int(os.environ["BENCH_PROCESSES"]))
