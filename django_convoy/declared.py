"""What code and settings declare: `@task(schedule=...)`, `schedules.py` and `cron.py` of each
installed app, and OPTIONS["schedules"]."""

import sys
from collections.abc import Iterator
from types import ModuleType

from django.apps import apps
from django.utils.module_loading import autodiscover_modules

from django_convoy.cronfiles import commands_of
from django_convoy.domain.errors import InvalidSchedule, TaskNotFound
from django_convoy.framework import InvalidTask
from django_convoy.registry import declared_tasks, find_task
from django_convoy.runtime import Pair, Runtime
from django_convoy.schedules import Schedule, in_settings
from django_convoy.scheduling.book import Book
from django_convoy.scheduling.declaration import CODE, Declaration
from django_convoy.scheduling.editions import Edition


def edition(runtime: Runtime, pair: Pair | None = None) -> Edition:
    """Return all that is declared for an alias. Raises InvalidSchedule that names the place.

    pair: on whose connections it is written; None: those of this thread.
    """
    autodiscover_modules("tasks", "schedules", "cron")
    found: dict[str, tuple[str, Declaration]] = {}
    for place, one in _everything(runtime):
        if one.name in found:
            raise InvalidSchedule(
                f"{place}: schedule {one.name!r} is declared in {found[one.name][0]}, too: choose "
                "another name"
            )
        found[one.name] = place, one
    return Edition(Book(runtime, pair), [one for _, one in found.values()])


def synchronise(runtime: Runtime, *, check_only: bool = False) -> None:
    """Bring the table to what is declared. check_only: only see that it can be read."""
    made = edition(runtime)
    if not check_only:
        made.apply()


def _everything(runtime: Runtime) -> Iterator[tuple[str, Declaration]]:
    for place, one in _in_code():
        try:
            if one.backend == runtime.alias:
                yield place, one.declaration(CODE)
        except (InvalidSchedule, InvalidTask) as error:
            raise InvalidSchedule(f"{place}: {error}") from error
    yield from in_settings(runtime)


def _in_code() -> Iterator[tuple[str, Schedule]]:
    for path in [one.module_path for one in declared_tasks() if one.schedule]:
        try:
            task = find_task(path)  # others of its name may be made by .using()
        except TaskNotFound as error:
            raise InvalidSchedule(f"@task of {path}: {error}") from error
        for number, rule in enumerate(task.schedule, start=1):
            name = path if len(task.schedule) == 1 else f"{path}#{number}"
            yield f"@task of {path}", Schedule(name=name, task=task, rule=rule)
    for app in apps.get_app_configs():
        module = sys.modules.get(f"{app.name}.schedules")
        if module is not None:
            for one in _of_module(module):
                yield f"{app.name}.schedules", one
        module = sys.modules.get(f"{app.name}.cron")
        if module is not None:
            yield from commands_of(module)


def _of_module(module: ModuleType) -> Iterator[Schedule]:
    """Return the schedules that a module's names lead to, also in lists; each once."""
    seen: set[int] = set()
    for value in list(vars(module).values()):
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, Schedule) and id(one) not in seen:
                seen.add(id(one))
                yield one
