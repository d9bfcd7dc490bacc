"""Schedules: tasks that are enqueued by themselves.

# accounts/schedules.py
schedules = [Schedule("report", build_report, cron("0 3 * * *"), args=[7])]

schedule("remind-7", remind, once(tomorrow), args=[7])   # at run time
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings

from django_convoy import conf
from django_convoy.domain import options as job_options
from django_convoy.domain.errors import InvalidOption, InvalidSchedule, TaskNotFound
from django_convoy.domain.suggest import unknown
from django_convoy.framework import DEFAULT_TASK_BACKEND_ALIAS, InvalidTask
from django_convoy.registry import find_task
from django_convoy.runtime import Runtime, runtime_of
from django_convoy.scheduling.book import Book
from django_convoy.scheduling.declaration import (
    CODE,
    RUNTIME,
    SETTINGS,
    Declaration,
    check_name,
    check_policy,
    intended_name,
)
from django_convoy.scheduling.rules import Rule, cron
from django_convoy.scheduling.table import Row
from django_convoy.tasks import ConvoyTask

_TASK_OPTIONS = (job_options.NAMES | {"priority", "queue_name"}) - {"backend"}
_OWN = ("task", "rule", "args", "kwargs", "intended", "catch_up", "overlap")


@dataclass(frozen=True, kw_only=True)
class _Keywords:
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    intended: bool | str = False
    catch_up: str = "last"
    overlap: str = "allow"


@dataclass(frozen=True)
class Schedule(_Keywords):
    """A task and when it is enqueued. Put it into a list in `schedules.py` of an app.

    name: unique in the site. task: a task, with `.using()` where it needs that, or its path.
    rule: cron(...), every(...) and so on, or the text of a cron expression.
    args, kwargs: of the call. intended: True, or the name of the argument that gets the time
    for which it was scheduled.
    catch_up: what was missed while nothing ran is enqueued: "all", the "last" or "none".
    overlap: while the last run is not over: "allow", "skip", or "queue" one.
    Raises InvalidSchedule, InvalidTask when it is first used.
    """

    name: str
    task: Any
    rule: Any

    def declaration(self, origin: str = CODE) -> Declaration:
        """Return what is stored. Raises InvalidSchedule that names the field, or InvalidTask."""
        name = check_name(self.name)
        check_policy(self.catch_up, self.overlap)
        task = task_of(self.task)
        intended = intended_name(self.intended)
        args, kwargs = _arguments(task, self.args, self.kwargs, intended)
        rule = read_rule(self.rule).zoned(settings.TIME_ZONE)
        names = sorted(task.overrides)
        return Declaration(
            name=name,
            task=task.module_path,
            queue=task.queue_name,
            priority=task.priority,
            rule=rule,
            args=args,
            kwargs=kwargs,
            options={one: job_options.to_json(one, getattr(task, one)) for one in names},
            intended=intended,
            catch_up=self.catch_up,
            overlap=self.overlap,
            origin=origin,
        )

    @property
    def backend(self) -> str:
        """The alias of TASKS that its task belongs to."""
        return task_of(self.task).backend


def read_rule(value: Any) -> Rule:
    """Return a rule from what people write: a rule, a cron expression, or a dict."""
    if isinstance(value, Rule):
        return value
    if isinstance(value, str):
        return cron(value)
    if isinstance(value, Mapping):
        return Rule.from_json(dict(value))
    raise InvalidSchedule(
        f"rule: must be a rule such as every(minutes=10), or a cron expression, not {value!r}"
    )


def task_of(value: Any) -> ConvoyTask[..., Any]:
    """Return a task that can be scheduled. Raises InvalidSchedule, InvalidTask."""
    if isinstance(value, str):
        try:
            value = find_task(value)
        except TaskNotFound as error:
            raise InvalidSchedule(f"task: {error}") from None
    elif not isinstance(value, ConvoyTask) and hasattr(value, "module_path"):
        value = find_task(value.module_path)  # of django.tasks itself
    if not isinstance(value, ConvoyTask):
        raise InvalidSchedule(f"task: must be a task or its path, not {value!r}")
    backend = value.get_backend()
    if not issubclass(backend.task_class, ConvoyTask):
        kind = type(backend)
        raise InvalidSchedule(
            f"task: {value.module_path} belongs to TASKS[{value.backend!r}], which is a "
            f"{kind.__module__}.{kind.__qualname__}: only Convoy's backends have schedules"
        )
    if value.run_after is not None or value.delay is not None:
        raise InvalidSchedule("task: run_after has no place here, the rule says when it runs")
    backend.validate_task(value)
    return value


def _arguments(
    task: ConvoyTask[..., Any], args: Any, kwargs: Any, intended: str
) -> tuple[list[Any], dict[str, Any]]:
    if isinstance(args, str) or not isinstance(args, Sequence):
        raise InvalidSchedule(f"args: must be a list, not {args!r}")
    if not isinstance(kwargs, Mapping) or not all(isinstance(one, str) for one in kwargs):
        raise InvalidSchedule(f"kwargs: must be a dict of names and values, not {kwargs!r}")
    if intended and intended in kwargs:
        raise InvalidSchedule(f"kwargs: {intended!r} gets the intended time, and has a value, too")
    told = {intended: None} if intended else {}
    try:
        task.check_call(args, {**kwargs, **told})
    except TypeError as error:
        field = _misfit(task, args, kwargs, told)
        raise InvalidSchedule(f"{field}: {error}") from None
    return list(args), dict(kwargs)


def _misfit(task: ConvoyTask[..., Any], args: Any, kwargs: Any, told: Any) -> str:
    """Return the field that has too much; the arguments where something is missing."""
    for name, words in (("args", {}), ("kwargs", kwargs), ("intended", {**kwargs, **told})):
        if not task.may_begin(args, words):
            return name
    return "args"


def from_options(name: str, given: Mapping[str, Any]) -> Schedule:
    """Return a schedule from a dict, as settings, forms and commands have it.

    Beside the fields of `Schedule` it takes what `.using()` does. Raises InvalidSchedule.
    """
    for key in given:
        if key not in _OWN and key not in _TASK_OPTIONS:
            raise InvalidSchedule(unknown("field", str(key), [*_OWN, *_TASK_OPTIONS]))
    for key in ("task", "rule"):
        if key not in given:
            raise InvalidSchedule(f"{key}: is missing")
    task = task_of(given["task"])
    using = {key: value for key, value in given.items() if key in _TASK_OPTIONS}
    if using:
        try:
            task = task.using(**using)
        except (InvalidOption, InvalidTask) as error:
            raise InvalidSchedule(str(error)) from None
    own = {key: value for key, value in given.items() if key in _OWN and key != "task"}
    return Schedule(name=name, task=task, **own)


def in_settings(runtime: Runtime) -> Iterator[tuple[str, Declaration]]:
    """Return what OPTIONS["schedules"] has. Raises SettingsError that names the field."""
    for name, given in runtime.options.schedules.items():
        place = f"TASKS[{runtime.alias!r}]['OPTIONS']['schedules'][{name!r}]"
        try:
            made = from_options(name, given)
            if made.backend != runtime.alias:
                raise InvalidSchedule(
                    f"task: {made.task.module_path} belongs to TASKS[{made.backend!r}]: declare "
                    "its schedule there"
                )
            yield place, made.declaration(SETTINGS)
        except (InvalidSchedule, InvalidTask, TypeError) as error:
            raise conf.SettingsError(f"{place}: {error}") from error


def schedule(name: str, task: Any, rule: Any, **options: Any) -> Row:
    """Add a schedule, or change the one that `schedule()` has made under this name.

    In the caller's transaction, if there is one in the same database. Options as in `Schedule`.
    Raises InvalidSchedule, InvalidTask, PayloadError, BrokerUnavailable.
    """
    for key in options:
        if key not in _OWN:
            raise InvalidSchedule(unknown("field", key, _OWN))
    made = Schedule(name=name, task=task, rule=rule, **options)
    return book_of(made.backend).put(made.declaration(RUNTIME))


async def aschedule(name: str, task: Any, rule: Any, **options: Any) -> Row:
    """Like `schedule`, for async code."""
    return await sync_to_async(schedule)(name, task, rule, **options)


def unschedule(name: str, *, backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> bool:
    """Remove a schedule with its history; return False when there is none of that name.

    Raises InvalidSchedule for one that code or settings declare.
    """
    book = book_of(backend)
    if book.table.get(name) is None:
        return False
    book.remove(name)
    return True


async def aunschedule(name: str, *, backend: str = DEFAULT_TASK_BACKEND_ALIAS) -> bool:
    """Like `unschedule`, for async code."""
    return await sync_to_async(unschedule)(name, backend=backend)


def book_of(backend: str) -> Book:
    """Return the schedules of an alias of TASKS."""
    return Book(runtime_of(backend))


__all__ = ["Schedule", "aschedule", "aunschedule", "schedule", "unschedule"]
