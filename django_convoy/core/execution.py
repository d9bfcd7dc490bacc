"""Run one job to an outcome: open, find the task, refuse or call, judge."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from django_convoy.core.codec import Call, Codec
from django_convoy.core.retry import after_error, over_budget
from django_convoy.domain import clock
from django_convoy.domain import options as job_options
from django_convoy.domain.envelope import Envelope, Lease
from django_convoy.domain.errors import (
    InvalidOption,
    JobExpired,
    PayloadError,
    SignatureError,
    TaskNotFound,
    TimeoutExceeded,
    UnknownFields,
)
from django_convoy.domain.options import JobOptions
from django_convoy.domain.outcome import (
    Cancelled,
    Error,
    Failed,
    Outcome,
    Quarantined,
    Released,
    Retry,
    Succeeded,
)

LONGEST_RELEASE = 300.0


class Task(Protocol):
    """What the core needs to know of a registered function."""

    @property
    def policy(self) -> JobOptions:
        """Its options."""

    @property
    def takes_context(self) -> bool:
        """Whether the context comes as first argument."""

    @property
    def is_async(self) -> bool:
        """Whether it is `async def`."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Call it, to its end, also when it is `async def`."""

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        """Await it, when it is `async def`."""


class Opener(Protocol):
    """Reads what is to be called: a codec, or what leads to one."""

    def open(self, envelope: Envelope) -> Call:
        """Return the call. Raises ConvoyError."""


Find = Callable[[str], Task]
Guard = Callable[[JobOptions], AbstractContextManager[object]]


@dataclass(slots=True)
class Run:
    """A job that may be called now."""

    lease: Lease
    task: Task
    options: JobOptions
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    started_at: datetime | None = None
    error: BaseException | None = None


class Observer:
    """Sees runs begin and end, and makes the context that a task may ask for."""

    def started(self, run: Run) -> None:
        """The body is about to be called."""

    def finished(self, run: Run, outcome: Outcome) -> None:
        """The body ended. `run.error` is what it raised."""

    def context(self, run: Run) -> Any:
        """Return the first argument of a task that takes the context."""
        return None


def prepare(lease: Lease, codec: Opener, find: Find) -> Run | Outcome:
    """Open a leased job: a run that may be called, or the outcome that it has uncalled."""
    try:
        call = codec.open(lease.envelope)
        task = find(lease.envelope.task)
        options = task.policy
        if call.options:
            cleaned = {name: job_options.clean(name, one) for name, one in call.options.items()}
            options = replace(options, **cleaned)
    except SignatureError as error:
        return Quarantined(f"not run: {error}", kind="SignatureError")
    except (TaskNotFound, UnknownFields, InvalidOption) as error:
        delay = min(2.0 ** min(lease.note.releases, 20), LONGEST_RELEASE)
        return Released(f"waits for a worker with newer code: {error}", delay)
    except PayloadError as error:
        return Failed(Error.of(error, lease.attempt))
    except Exception as error:
        # Loading a model instance asks the database, which may be away for a moment.
        delay = min(2.0 ** min(lease.note.releases, 20), LONGEST_RELEASE)
        return Released(f"its arguments cannot be loaded now: {error}", delay)
    if lease.note.crashes >= options.crash_budget:
        return Quarantined(over_budget(lease.note.crashes, lease.note.ended or "its host died"))
    if options.expires and (late := expired(options.expires, lease.envelope.enqueued_at)):
        return Cancelled(Error.of(late, lease.attempt))
    return Run(lease, task, options, call.args, call.kwargs)


def expired(expires: datetime | timedelta | None, enqueued_at: datetime) -> JobExpired | None:
    """Return what a job ends with that may not be started any more, None while it may."""
    if expires is None:
        return None
    end = expires if isinstance(expires, datetime) else enqueued_at + expires
    if clock.now() <= end:
        return None
    return JobExpired(f"was to start before {expires}, and is not run any more")


def execute(run: Run, codec: Codec, observer: Observer, guard: Guard) -> Outcome:
    """Call the body and judge what it did. Never raises for what the body does.

    guard: arms the soft timeout around the body alone.
    """
    run.started_at = run.started_at or clock.now()
    try:
        observer.started(run)
        args = (observer.context(run), *run.args) if run.task.takes_context else run.args
        if run.options.timeout is None:
            value = run.task.call(*args, **run.kwargs)
        else:
            with guard(run.options):
                value = run.task.call(*args, **run.kwargs)
        result = codec.dump_result(run.lease.id, value) if run.options.keep_result else None
    except BaseException as error:
        # SystemExit and KeyboardInterrupt of a body are its failure, not the worker's.
        return failed(run, error, observer)
    outcome = Succeeded(result)
    observer.finished(run, outcome)
    return outcome


async def execute_async(run: Run, codec: Codec, observer: Observer) -> Outcome:
    """Like `execute`, for an `async def` body on the running loop."""
    run.started_at = run.started_at or clock.now()
    try:
        observer.started(run)
        args = (observer.context(run), *run.args) if run.task.takes_context else run.args
        try:
            async with asyncio.timeout(run.options.timeout) as timer:
                value = await run.task.acall(*args, **run.kwargs)
        except TimeoutError:
            if not timer.expired():
                raise  # the body's own
            raise TimeoutExceeded(
                f"ran longer than its timeout of {run.options.timeout:g} s"
            ) from None
        result = codec.dump_result(run.lease.id, value) if run.options.keep_result else None
    except BaseException as error:
        return failed(run, error, observer)
    outcome = Succeeded(result)
    observer.finished(run, outcome)
    return outcome


def failed(run: Run, error: BaseException, observer: Observer) -> Failed | Retry:
    """Judge an exception; called while it is being handled, so that loggers see it."""
    run.error = error
    judged = after_error(run.lease, run.options, error)
    observer.finished(run, judged)
    return judged
