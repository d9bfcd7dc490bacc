"""The aliases of TASKS that commands are about."""

from django.core.management.base import CommandError

from django_convoy.backend import ConvoyBackend
from django_convoy.domain.suggest import unknown
from django_convoy.framework import DEFAULT_TASK_BACKEND_ALIAS, task_backends


def backend_of(alias: str) -> ConvoyBackend:
    """Return the backend of an alias. Raises CommandError for one that is not Convoy's."""
    if alias not in task_backends.settings:
        raise CommandError(unknown("alias of TASKS", alias, task_backends.settings))
    backend = task_backends[alias]
    if not isinstance(backend, ConvoyBackend):
        kind = type(backend)
        raise CommandError(
            f"TASKS[{alias!r}] is a {kind.__module__}.{kind.__qualname__}, not Convoy's: "
            "name another with --backend"
        )
    return backend


def all_aliases() -> list[str]:
    """Return the aliases of all that are Convoy's; "default" must be one where it is alone."""
    aliases = [
        alias for alias in task_backends.settings if isinstance(task_backends[alias], ConvoyBackend)
    ]
    return aliases or [backend_of(DEFAULT_TASK_BACKEND_ALIAS).alias]
