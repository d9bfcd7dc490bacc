"""What `enqueue()` and `get_result()` return, and what a task's context tells."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django_convoy.contracts.broker import Held
from django_convoy.contracts.store import SUCCESSFUL, Record
from django_convoy.core.codec import Call
from django_convoy.db.fields import to_local
from django_convoy.domain.envelope import Envelope, Lease, Note
from django_convoy.domain.errors import (
    PayloadError,
    SignatureError,
    UnknownFields,
)
from django_convoy.framework import (
    AnyContext,
    AnyResult,
    AnyTask,
    TaskError,
    TaskResultDoesNotExist,
    TaskResultStatus,
)
from django_convoy.registry import find_task
from django_convoy.runtime import Runtime, runtime_of
from django_convoy.waiting import wait, wait_async


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError(TaskError):  # type: ignore[misc]  # frozen at run time
    """One failed attempt. at: when it ended."""

    message: str = ""
    attempt: int = 0
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvoyResult(AnyResult):  # type: ignore[misc]  # frozen at run time
    """A `django.tasks` TaskResult with more to say.

    detail: CANCELLED or QUARANTINED for jobs that read FAILED and did not fail in a run.
    waiting: why the job is not being run, in words.
    """

    detail: str = ""
    waiting: str = ""

    def __post_init__(self) -> None:
        # Not normalized to JSON: dates and decimals come back as they went in.
        object.__setattr__(self, "args", list(self.args))
        object.__setattr__(self, "kwargs", dict(self.kwargs))

    def __repr__(self) -> str:
        word = self.detail or self.status.value
        return f"<{type(self).__name__} {self.id}: {self.task.module_path}, {word}>"

    @property
    def message(self) -> str:
        """What the last error said, or an empty text."""
        return getattr(self.errors[-1], "message", "") if self.errors else ""

    def wait(self, timeout: float | None = None) -> "ConvoyResult":
        """Wait until the job is over, at most `timeout` seconds; return this, refreshed.

        Raises ResultTimeout; ConfigurationError where results are not kept.
        """
        if not self.is_finished:
            wait(runtime_of(self.backend), self.id, timeout)
            self.refresh()
        return self

    async def await_(self, timeout: float | None = None) -> "ConvoyResult":
        """Like `wait`, without holding up the event loop; may be cancelled at any time."""
        if not self.is_finished:
            await wait_async(runtime_of(self.backend), self.id, timeout, self.refresh)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(AnyContext):  # type: ignore[misc]  # frozen at run time
    """What a task with `takes_context=True` gets first.

    attempt: 1 for the first run. last_end: how the run before ended, in words; empty for
    the first. suspect: the host that held the job before died; it runs alone now.
    """

    lease: Lease

    @property
    def attempt(self) -> int:
        """Runs that may have started, this one included."""
        return self.lease.attempt

    @property
    def job(self) -> Envelope:
        """The job: id, queue, task, priority, times."""
        return self.lease.envelope

    @property
    def last_end(self) -> str:
        """How the run before this one ended."""
        return self.lease.note.ended

    @property
    def suspect(self) -> bool:
        """Whether whatever held the job before died with it."""
        return self.lease.note.suspect


def fresh(task: AnyTask, envelope: Envelope, args: Any, kwargs: Any) -> ConvoyResult:
    """Return the result of a job that was enqueued just now."""
    return ConvoyResult(
        task=task,
        id=envelope.id,
        status=TaskResultStatus.READY,
        enqueued_at=to_local(envelope.enqueued_at),
        started_at=None,
        last_attempted_at=None,
        finished_at=None,
        args=args,
        kwargs=kwargs,
        backend=task.backend,
        errors=[],
        worker_ids=[],
    )


def get_result(runtime: Runtime, job_id: str) -> ConvoyResult:
    """Return what is known of a job. Raises TaskResultDoesNotExist."""
    pair, view = runtime.shared, runtime.shared.view
    if not isinstance(job_id, str) or not 0 < len(job_id) <= 32 or not job_id.isprintable():
        raise TaskResultDoesNotExist(job_id)
    found: Record | Held | None = pair.store.get(job_id)
    if found is None and view is not None:
        # It may finish between the two looks, so the store is asked once more.
        found = view.find(job_id) or pair.store.get(job_id)
    if found is None or runtime.short_name(found.envelope.queue) is None:
        raise TaskResultDoesNotExist(job_id)
    return from_record(runtime, found) if isinstance(found, Record) else _from_held(runtime, found)


def from_record(runtime: Runtime, record: Record) -> ConvoyResult:
    """Return the result of a job that is over."""
    over = TaskResultStatus.SUCCESSFUL if record.status == SUCCESSFUL else TaskResultStatus.FAILED
    detail = record.status if record.status not in ("SUCCESSFUL", "FAILED") else ""
    result = build(
        runtime,
        record.envelope,
        over,
        _with_worker(record),
        record.started_at,
        record.finished_at,
        detail=detail,
    )
    if record.result is not None:
        value = runtime.codec.load_result(record.envelope.id, record.result)
        object.__setattr__(result, "_return_value", value)
    return result


def _with_worker(record: Record) -> Note:
    if not record.worker:
        return record.note
    return replace(record.note, workers=(*record.note.workers, record.worker))


def _from_held(runtime: Runtime, held: Held) -> ConvoyResult:
    status, workers, detail = TaskResultStatus.READY, held.note.workers, ""
    if held.state == "leased" and held.started_at is not None:
        status, workers = TaskResultStatus.RUNNING, (*workers, held.worker)
    elif held.state == "buried":
        status, detail = TaskResultStatus.FAILED, "BURIED"
    note = Note(
        errors=held.note.errors,
        workers=workers,
        started_at=held.note.started_at,
        waiting=held.note.waiting,
    )
    return build(runtime, held.envelope, status, note, held.started_at, None, detail=detail)


def build(
    runtime: Runtime,
    envelope: Envelope,
    status: TaskResultStatus,
    note: Note,
    started_at: datetime | None,
    finished_at: datetime | None,
    *,
    detail: str = "",
    call: Any = None,
) -> ConvoyResult:
    """Return a result. call: the opened payload, where it is at hand."""
    call = call or _call(runtime, envelope)
    queue = runtime.short_name(envelope.queue) or envelope.queue
    task = find_task(envelope.task)
    asked: dict[str, Any] = dict(call.options)
    if envelope.due:
        asked["run_after"] = to_local(envelope.due)
    declared = task.queue_name, task.priority, task.backend
    if asked or declared != (queue, envelope.priority, runtime.alias):
        task = task.using(
            queue_name=queue, priority=envelope.priority, backend=runtime.alias, **asked
        )
    first = datetime.fromisoformat(note.started_at) if note.started_at else started_at
    return ConvoyResult(
        task=task,
        id=envelope.id,
        status=status,
        enqueued_at=to_local(envelope.enqueued_at),
        started_at=to_local(first),
        last_attempted_at=to_local(started_at),
        finished_at=to_local(finished_at),
        args=call.args,
        kwargs=call.kwargs,
        backend=runtime.alias,
        errors=[_error(one) for one in note.errors],
        worker_ids=list(note.workers),
        detail=detail,
        waiting=note.waiting,
    )


def _call(runtime: Runtime, envelope: Envelope) -> Call:
    """Return what was to be called; nothing where it cannot be verified or read any more: what
    became of the job can be told all the same."""
    try:
        spill = runtime.shared.spill
        return runtime.codec.open(envelope if spill is None else spill.whole(envelope))
    except (SignatureError, UnknownFields, PayloadError):
        return Call()


def _error(data: dict[str, Any]) -> JobError:
    at = data.get("at")
    return JobError(
        exception_class_path=data["exception_class_path"],
        traceback=data["traceback"],
        message=data["message"],
        attempt=data["attempt"],
        at=to_local(datetime.fromisoformat(at)) if at else None,
    )
