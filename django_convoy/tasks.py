"""The public `task`: a `django.tasks` Task with Convoy's options."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Concatenate, Final, Literal, ParamSpec, TypeVar, overload

from django.utils import timezone
from django.utils.module_loading import import_string

from django_convoy.backends import backend_of, complaint
from django_convoy.batches import EagerBatch
from django_convoy.declaring import arity, check_priority, check_run_after, signature, with_zone
from django_convoy.domain import options as job_options
from django_convoy.domain.errors import InvalidOption
from django_convoy.domain.options import JobOptions
from django_convoy.domain.suggest import unknown
from django_convoy.framework import (
    DEFAULT_TASK_BACKEND_ALIAS,
    DEFAULT_TASK_PRIORITY,
    DEFAULT_TASK_QUEUE_NAME,
    BaseTaskBackend,
    GenericTask,
    InvalidTask,
    Task,
    TaskResult,
)
from django_convoy.scheduling.rules import Rule

P = ParamSpec("P")
T = TypeVar("T")


class Unset(Enum):
    """The task does not say; the backend's default holds."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET


class InvalidTaskOption(InvalidOption, InvalidTask):
    """A task option that cannot work; also a `django.tasks` InvalidTask."""


@dataclass(slots=True)
class Job:
    """A call that is not enqueued yet: what `enqueue_many` takes. Made by `task.job(...)`."""

    task: Any
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvoyTask(GenericTask[P, T]):
    """A task with options; see `domain.options.JobOptions` for what each means.

    delay: run_after as a span, counted from each enqueue.
    overrides: the options that `.using()` gave; they travel with the job.
    schedule: when it is enqueued by itself, without arguments: a rule, or several.
    """

    # Again, because Django 6.0 gives them no defaults.
    priority: int = DEFAULT_TASK_PRIORITY
    backend: str = DEFAULT_TASK_BACKEND_ALIAS
    queue_name: str = DEFAULT_TASK_QUEUE_NAME
    run_after: datetime | None = None
    retries: Any = UNSET
    backoff: Any = UNSET
    retry_on: Any = UNSET
    give_up_on: Any = UNSET
    timeout: Any = UNSET
    grace: Any = UNSET
    atomic: Any = UNSET
    delivery: Any = UNSET
    expires: Any = UNSET
    kill_on_stop: Any = UNSET
    crash_budget: Any = UNSET
    keep: Any = UNSET
    keep_result: Any = UNSET
    delay: timedelta | None = None
    overrides: frozenset[str] = frozenset()
    schedule: Any = ()
    _declared: dict[str, Any] = field(init=False, repr=False, compare=False)
    _sound_for: Any = field(init=False, repr=False, compare=False)
    _promised_by: Any = field(init=False, repr=False, compare=False)

    def __new__(cls, **given: Any) -> "ConvoyTask[P, T]":
        """Refuse an unknown option with a hint, also from `django.tasks.task(...)`."""
        for name in given:
            if name not in _FIELD_NAMES:
                raise InvalidTaskOption(unknown("task option", name, _OPTION_NAMES))
        return object.__new__(cls)

    def __post_init__(self) -> None:
        try:
            check_priority(self.priority)
            object.__setattr__(self, "schedule", self._rules(self.schedule))
            for name in _IN_ORDER:
                value = getattr(self, name)
                if value is not UNSET:
                    value = job_options.clean(name, value)
                    object.__setattr__(self, name, with_zone(value) if name == "expires" else value)
        except InvalidOption as error:
            raise InvalidTaskOption(f"{_path(self.func)}: {error}") from None
        pairs = ((name, getattr(self, name)) for name in _IN_ORDER)
        said = {name: value for name, value in pairs if value is not UNSET}
        object.__setattr__(self, "_declared", said)
        object.__setattr__(self, "_sound_for", None)
        object.__setattr__(self, "_promised_by", None)
        # Zero-argument super() does not work in a dataclass with slots.
        Task.__post_init__(self)

    def _rules(self, given: Any) -> tuple[Rule, ...]:
        """Return the rules of `schedule`. Raises InvalidOption."""
        rules = tuple(given) if isinstance(given, list | tuple) else (given,) if given else ()
        for one in rules:
            if not isinstance(one, Rule):
                raise InvalidOption(
                    "schedule must be a rule such as cron('0 3 * * *'), or a list of them, "
                    f"not {one!r}"
                )
        if rules and not self.overrides:
            try:
                self.check_call((), {})
            except TypeError as error:
                raise InvalidOption(
                    f"schedule: {error}. Say the arguments in schedules.py of an app: "
                    "Schedule(name, task, rule, args=[...])"
                ) from None
        return rules

    def __repr__(self) -> str:
        said = {name: getattr(self, name) for name in _PLAIN}
        said = {name: one for name, one in said.items() if one != _PLAIN[name]} | self._declared
        words = [f"{name}={one!r}" for name, one in said.items()]
        return f"<Task {' '.join([self.module_path, *words])}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function here and now, as if it were not a task."""
        return self.func(*args, **kwargs)

    def __reduce__(self) -> Any:
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.init}
        del values["func"]
        return _rebuild, (self.module_path, values)

    def check_call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise TypeError unless the function can be called so, as calling it would."""
        least, most = arity(self.func, self.takes_context)
        if not kwargs and least <= len(args) <= most:
            return
        context = (None,) if self.takes_context else ()
        try:
            signature(self.func).bind(*context, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.module_path}(): {error}") from None

    def may_begin(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        """Return whether the function takes these; others may be missing."""
        context = (None,) if self.takes_context else ()
        try:
            signature(self.func).bind_partial(*context, *args, **kwargs)
        except TypeError:
            return False
        return True

    def declared(self) -> dict[str, Any]:
        """Return the options that this task says itself."""
        return self._declared

    def policy(self, defaults: Mapping[str, Any]) -> JobOptions:
        """Return all options, with the backend's defaults for what the task leaves open."""
        return JobOptions(**{**defaults, **self.declared()})

    def using(
        self,
        *,
        priority: int | None = None,
        queue_name: str | None = None,
        run_after: datetime | timedelta | Unset | None = UNSET,
        backend: str | None = None,
        **options: Any,
    ) -> "ConvoyTask[P, T]":
        """Return this task with other settings, for some calls.

        run_after: not before this time, or this span after each enqueue; None: now.
        options: any of the decorator's; None resets those that may be None.
        Raises InvalidTaskOption.
        """
        changes: dict[str, Any] = {}
        if priority is not None:
            changes["priority"] = priority
        if queue_name is not None:
            changes["queue_name"] = queue_name
        if backend is not None:
            changes["backend"] = backend
        if run_after is not UNSET:
            try:
                check_run_after(run_after)
            except InvalidOption as error:
                raise InvalidTaskOption(f"{_path(self.func)}: {error}") from None
            is_span = isinstance(run_after, timedelta)
            changes["delay"] = run_after if is_span else None
            changes["run_after"] = None if is_span else run_after
        for name in options:
            if name in _IN_DECORATOR:
                raise InvalidTaskOption(
                    f"{name} belongs to the function: say it in its decorator, "
                    f"@task({name}=...), not in using()"
                )
            if name not in job_options.NAMES:
                raise InvalidTaskOption(unknown("task option", name, _USING_NAMES))
        if options:
            changes.update(options, overrides=self.overrides | options.keys())
        changed = replace(self, **changes)
        try:
            for name in options:
                job_options.to_json(name, getattr(changed, name))
        except InvalidOption as error:
            raise InvalidTaskOption(f"{_path(self.func)}: {error}") from None
        return changed

    def get_backend(self) -> BaseTaskBackend:
        """Return the backend of this thread. Raises InvalidTaskBackend."""
        return backend_of(self.backend)

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> "TaskResult[P, T]":
        """Enqueue one job, in the caller's transaction if there is one.

        Raises InvalidTask, PayloadError (a TypeError), BrokerUnavailable.
        """
        backend = self.get_backend()
        task = self if _is_ours(backend) else self._elsewhere(backend)
        return backend.enqueue(task, args, kwargs)  # type: ignore[arg-type]  # a tuple will do

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> "TaskResult[P, T]":
        """Like `enqueue`, for async code."""
        backend = self.get_backend()
        task = self if _is_ours(backend) else self._elsewhere(backend)
        return await backend.aenqueue(task, args, kwargs)  # type: ignore[arg-type]

    def _elsewhere(self, backend: BaseTaskBackend) -> "ConvoyTask[P, T]":
        """Return the task as a backend that is not Convoy's knows it. Raises InvalidTaskOption."""
        told = complaint(backend, self._declared, is_delayed=self.delay is not None)
        if told:
            raise InvalidTaskOption(f"{self.module_path}: {told}")
        if self.delay is None:
            return self
        return replace(self, run_after=timezone.now() + self.delay, delay=None)

    def job(self, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Return a call of this task for `enqueue_many`."""
        return Job(self, args, kwargs)

    def enqueue_many(self, calls: Iterable[Any]) -> Any:
        """Enqueue one job per item, in few statements and constant memory.

        calls: tuples of positional arguments, dicts of keyword arguments, `task.job(...)`,
        or else single arguments. Committed by the thousand; wrap it in `transaction.atomic()`
        for all or nothing. Returns a Batch: its length, its ids, its results on demand.
        """
        backend, jobs = self.get_backend(), self._jobs(calls)
        if not _is_ours(backend):
            return enqueue_each(jobs)
        return backend.enqueue_many(jobs)  # type: ignore[attr-defined]

    def _jobs(self, calls: Iterable[Any]) -> Iterable[Job]:
        for call in calls:
            if isinstance(call, Job):
                other = call.task
                if other.func is not self.func or other.backend != self.backend:
                    raise TypeError(
                        f"{self.module_path}.enqueue_many() was given a job of {other!r}: jobs of "
                        "several tasks or backends go to django_convoy.enqueue_many()"
                    )
                yield call
            elif isinstance(call, tuple):
                yield Job(self, call)
            elif isinstance(call, dict):
                yield Job(self, (), call)
            else:
                yield Job(self, (call,))


_IN_ORDER = tuple(one.name for one in fields(JobOptions))
_FIELD_NAMES = frozenset(one.name for one in fields(ConvoyTask) if one.init)
_IN_DECORATOR = frozenset({"takes_context", "func", "schedule"})
_OPTION_NAMES = job_options.NAMES | {
    "priority",
    "queue_name",
    "backend",
    "takes_context",
    "schedule",
}
_USING_NAMES = (_OPTION_NAMES - _IN_DECORATOR) | {"run_after"}
_PLAIN: Mapping[str, Any] = {
    "priority": DEFAULT_TASK_PRIORITY,
    "queue_name": DEFAULT_TASK_QUEUE_NAME,
    "backend": DEFAULT_TASK_BACKEND_ALIAS,
    "takes_context": False,
    "run_after": None,
    "delay": None,
}


def _is_ours(backend: BaseTaskBackend) -> bool:
    """Return whether the backend, or a double of it, knows Convoy's options."""
    return issubclass(backend.task_class, ConvoyTask)


def enqueue_each(jobs: Iterable[Job]) -> EagerBatch:
    """Enqueue jobs one by one, as a backend that is not Convoy's takes them."""
    return EagerBatch(job.task.enqueue(*job.args, **(job.kwargs or {})) for job in jobs)


def _path(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{getattr(function, '__qualname__', '?')}"


def _rebuild(path: str, values: dict[str, Any]) -> ConvoyTask[..., Any]:
    found = import_string(path)
    return ConvoyTask(func=getattr(found, "func", found), **values)


@overload
def task(function: Callable[P, T], /) -> ConvoyTask[P, T]: ...


@overload
def task(
    *,
    priority: int = ...,
    queue_name: str = ...,
    backend: str = ...,
    takes_context: Literal[False] = ...,
    schedule: Rule | Sequence[Rule] = ...,
    **options: Any,
) -> Callable[[Callable[P, T]], ConvoyTask[P, T]]: ...


@overload
def task(
    *,
    priority: int = ...,
    queue_name: str = ...,
    backend: str = ...,
    takes_context: Literal[True],
    schedule: Rule | Sequence[Rule] = ...,
    **options: Any,
) -> Callable[[Callable[Concatenate[Any, P], T]], ConvoyTask[P, T]]: ...


def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    priority: int = DEFAULT_TASK_PRIORITY,
    queue_name: str = DEFAULT_TASK_QUEUE_NAME,
    backend: str = DEFAULT_TASK_BACKEND_ALIAS,
    takes_context: bool = False,
    schedule: Any = (),
    **options: Any,
) -> Any:
    """Make a function a task, with or without options.

    priority: -100 to 100, higher first, within its queue. queue_name: where it waits.
    backend: an alias of TASKS. takes_context: the first argument is a TaskContext.
    schedule: when it is enqueued by itself: cron("0 3 * * *"), or a list of such rules.
    options: retries, backoff, retry_on, give_up_on, timeout, grace, atomic, delivery, expires,
    kill_on_stop, crash_budget, keep, keep_result; see `domain.options.JobOptions`.
    Raises InvalidTask, or its subclass InvalidTaskOption that says what is allowed.
    """
    for name in options:
        if name == "run_after":
            raise InvalidTaskOption("run_after is for single calls: say it in using(run_after=...)")
        if name not in job_options.NAMES:
            raise InvalidTaskOption(unknown("task option", name, _OPTION_NAMES))

    def wrap(function: Callable[..., Any]) -> ConvoyTask[..., Any]:
        kind = backend_of(backend).task_class
        kind = kind if issubclass(kind, ConvoyTask) else ConvoyTask
        return kind(
            func=function,
            priority=priority,
            queue_name=queue_name,
            backend=backend,
            takes_context=takes_context,
            schedule=schedule,
            **options,
        )

    return wrap if function is None else wrap(function)
