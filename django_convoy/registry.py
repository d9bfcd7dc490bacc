"""From the path of a task to the task: only what was declared a task can be run."""

import sys
from collections.abc import Callable, Mapping
from inspect import iscoroutinefunction
from traceback import extract_tb
from typing import Any

from django.utils.module_loading import import_string

from django_convoy.domain.errors import TaskNotFound
from django_convoy.domain.options import JobOptions
from django_convoy.framework import Task
from django_convoy.tasks import ConvoyTask


def find_task(path: str) -> ConvoyTask[..., Any]:
    """Return the task at a path. Raises TaskNotFound when the code has none there."""
    try:
        found = import_string(path)
    except Exception as error:  # a module that cannot be loaded must not take workers down
        raise TaskNotFound(f"{path}: {_why(path, error)}") from error
    if isinstance(found, ConvoyTask):
        return found
    if isinstance(found, Task):
        return ConvoyTask(
            func=found.func,
            priority=found.priority,
            queue_name=found.queue_name,
            backend=found.backend,
            takes_context=found.takes_context,
        )
    raise TaskNotFound(f"{path} is a {type(found).__name__}, not a task")


def declared_tasks() -> list[ConvoyTask[..., Any]]:
    """Return the tasks that stand in the modules loaded so far, by their path."""
    found = {
        one.module_path: one
        for module in list(sys.modules.values())
        for one in list(getattr(module, "__dict__", {}).values())
        if issubclass(type(one), ConvoyTask)  # isinstance() would wake lazy objects
    }
    return [found[path] for path in sorted(found)]


def _why(path: str, error: Exception) -> str:
    """Return why a path could not be imported: what is missing, or which module is broken."""
    module = path.rpartition(".")[0]
    if isinstance(error, ModuleNotFoundError):
        missing = f"{module}.".startswith(f"{error.name}.")
    else:
        missing = isinstance(error, ImportError) and error.name is None  # of import_string()
    if missing:
        return str(error)
    told = f"module {module} cannot be imported: {type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return told  # it says where
    places = [one for one in extract_tb(error.__traceback__) if "importlib" not in one.filename]
    return f"{told} ({places[-1].filename}, line {places[-1].lineno})"


class Runnable:
    """A task as the core wants it: options worked out, ready to be called."""

    __slots__ = ("acall", "call", "is_async", "policy", "takes_context")

    def __init__(self, task: ConvoyTask[..., Any], defaults: Mapping[str, Any]) -> None:
        self.is_async = iscoroutinefunction(task.func)
        self.call: Callable[..., Any] = task.call if self.is_async else task.func
        self.acall: Callable[..., Any] = task.func
        self.policy: JobOptions = task.policy(defaults)
        self.takes_context: bool = task.takes_context


class Finder:
    """Remembers what it found; what is missing is looked for again each time."""

    def __init__(self, defaults: Mapping[str, Any]) -> None:
        self._defaults = defaults
        self._found: dict[str, Runnable] = {}

    def __call__(self, path: str) -> Runnable:
        found = self._found.get(path)
        if found is None:
            found = self._found[path] = Runnable(find_task(path), self._defaults)
        return found
