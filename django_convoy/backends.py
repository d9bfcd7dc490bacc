"""The backends that TASKS names, and what one that is not Convoy's would not do for a task."""

from collections.abc import Mapping
from typing import Any

from django_convoy.domain.options import DEFAULTS
from django_convoy.domain.suggest import instead
from django_convoy.framework import BaseTaskBackend, task_backends

CURE = (
    "In tests use the backends of django_convoy.testing.doubles (ImmediateBackend, DummyBackend), "
    "elsewhere django_convoy.backend.ConvoyBackend"
)


def backend_of(alias: str) -> BaseTaskBackend:
    """Return this thread's backend. Raises InvalidTaskBackend, with the aliases there are."""
    try:
        return task_backends[alias]
    except task_backends.exception_class as error:
        if alias in task_backends.settings:
            raise
        known = instead(str(alias), task_backends.settings)
        raise type(error)(f"{error} TASKS has no such alias; {known}") from None


def complaint(backend: BaseTaskBackend, declared: Mapping[str, Any], *, is_delayed: bool) -> str:
    """Return what of a task this backend would silently leave out, or an empty text.

    Asked when a job is enqueued, not when a task is declared: sites exchange TASKS in their
    tests, and their modules must still be imported.
    """
    asked = [name for name, value in declared.items() if value != getattr(DEFAULTS, name)]
    if is_delayed and not backend.supports_defer:
        asked.append("run_after")
    if not asked:
        return ""
    kind = type(backend)
    return (
        f"TASKS[{backend.alias!r}] is a {kind.__module__}.{kind.__qualname__}, which knows "
        f"nothing of {', '.join(asked)}. {CURE}"
    )
