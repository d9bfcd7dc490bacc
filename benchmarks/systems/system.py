"""What a file in this folder says about its task queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Task = Any
Bulk = Callable[[Iterable[tuple[Any, ...]]], object]


class System:
    """A task queue as its user would set it up: two processes, results kept.

    The runner (standard library only) reads the attributes and `workers`; everything else runs
    in the system's own virtualenv.
    """

    name: str
    variant: str
    synchronous = "NORMAL"  # of SQLite, where the system leaves it to its user
    distribution: str
    requirements: tuple[str, ...]
    stores: tuple[str, ...] = ("sqlite",)
    drain_jobs: int
    cpu_jobs: int
    has_bulk = False
    has_stream = False
    environment: dict[str, str] = {}  # noqa: RUF012
    app: object = None  # for a worker's command line that names an application object

    def workers(self, python: Path) -> list[list[str]]:
        """The command lines that together make two processes."""
        raise NotImplementedError

    def setup(self) -> None:
        """Called first in every client."""

    def prepare(self) -> None:
        """Create the tables in an empty store."""

    def decorator(self) -> Callable[[Callable[..., None]], Task]:
        raise NotImplementedError

    def enqueuer(self, task: Task) -> Callable[..., object]:
        """What a user calls to enqueue one job of the task."""
        raise NotImplementedError

    def bulk(self, task: Task) -> Bulk:
        """What a user calls to enqueue many; with `has_stream` it takes a long generator too."""
        raise NotImplementedError

    def unsettled(self) -> int:
        """How many jobs the store does not yet show as finished."""
        raise NotImplementedError


class DjangoSystem(System):
    environment = {"DJANGO_SETTINGS_MODULE": "django_settings"}  # noqa: RUF012

    def settings(self) -> dict[str, Any]:
        """The Django settings that this system asks for."""
        raise NotImplementedError

    def setup(self) -> None:
        import django

        django.setup()

    def prepare(self) -> None:
        from django.core.management import call_command

        call_command("migrate", verbosity=0)

    def enqueuer(self, task: Task) -> Callable[..., object]:
        return task.enqueue
