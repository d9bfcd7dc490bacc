"""Backends for a site's own tests: no database, no worker, the API and the checks of the real one.

`ImmediateBackend` runs a job when it is enqueued, once. `DummyBackend` only remembers it.
Arguments and results go through the serializer, so that a test sees what a worker would see.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import transaction
from django.utils import timezone

from django_convoy import conf
from django_convoy.backend import ConvoyBackend
from django_convoy.batches import Batch, EagerBatch
from django_convoy.checks import check_defaults
from django_convoy.contracts.store import CANCELLED
from django_convoy.core.codec import Call, Codec
from django_convoy.core.execution import expired
from django_convoy.db.fields import to_local
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope, Lease, Note
from django_convoy.domain.errors import ConfigurationError, ResultTimeout
from django_convoy.domain.options import JobOptions
from django_convoy.domain.outcome import Error as RunError
from django_convoy.framework import AnyTask, TaskResultStatus, task_signals
from django_convoy.framework import DummyBackend as DjangoDummyBackend
from django_convoy.framework import ImmediateBackend as DjangoImmediateBackend
from django_convoy.results import Context, ConvoyResult, JobError
from django_convoy.runtime import Runtime
from django_convoy.serializers import SERIALIZERS
from django_convoy.tasks import ConvoyTask, Job


class DoubleResult(ConvoyResult):
    """A result that never has to be waited for."""

    def wait(self, timeout: float | None = None) -> "DoubleResult":
        """Return this. Raises ResultTimeout for a job that a DummyBackend holds."""
        if not self.is_finished:
            raise ResultTimeout(f"job {self.id} does not run: this backend is a double")
        return self

    async def await_(self, timeout: float | None = None) -> "DoubleResult":
        """Like `wait`."""
        return self.wait(timeout)


class Double(ConvoyBackend):
    """What both doubles do alike."""

    @property
    def runtime(self) -> Runtime:
        """A double has no broker. Raises ConfigurationError."""
        raise ConfigurationError(
            f"TASKS[{self.alias!r}] is a {type(self).__name__}, a double for tests: "
            "nothing waits in a broker"
        )

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Return what is wrong with OPTIONS; where jobs would wait is not looked at."""
        try:
            defaults = self._parsed().task
        except ConfigurationError as error:
            return [Error(str(error), obj=f"TASKS[{self.alias!r}]", id="convoy.E001")]
        return check_defaults(self.alias, defaults, self.options)

    def _parsed(self) -> conf.Options:
        return conf.parse(self.alias, {"QUEUES": list(self.queues), "OPTIONS": self.options})

    def _codec(self) -> Codec:
        """Return what signs and opens the jobs of the real backend: it refuses in its words."""
        options = self._parsed()
        writer = SERIALIZERS[options.serializer]()
        readers = [SERIALIZERS["json"]()]
        return Codec(conf.secrets(), writer, readers, options.compress_above)

    def _policy(self, task: AnyTask) -> JobOptions:
        defaults = self._task_defaults()
        return task.policy(defaults) if isinstance(task, ConvoyTask) else JobOptions(**defaults)

    def enqueue_many(self, jobs: Iterable[Job]) -> Batch:
        """Enqueue jobs one by one."""
        return EagerBatch(self.enqueue(job.task, job.args, job.kwargs or {}) for job in jobs)

    def _fresh(self, task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]) -> ConvoyResult:
        if isinstance(task, ConvoyTask):
            task.check_call(args, kwargs)
        envelope = self._sealed(task, args, kwargs)
        call = self._codec().open(envelope)
        return DoubleResult(
            task=task,
            id=envelope.id,
            status=TaskResultStatus.READY,
            enqueued_at=timezone.now(),
            started_at=None,
            last_attempted_at=None,
            finished_at=None,
            args=list(call.args),
            kwargs=dict(call.kwargs),
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )

    def _sealed(self, task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Envelope:
        job_id, queue, path = ids.job_id(), task.queue_name, task.module_path
        payload, seal, key_id = self._codec().seal(job_id, queue, path, Call(args, kwargs))
        return Envelope(
            job_id, queue, path, payload, seal, key_id, task.priority, clock.now(), task.run_after
        )


class DummyBackend(DjangoDummyBackend, Double):
    """Remembers jobs in `results` and runs none. `clear()` forgets them."""

    supports_get_result = False  # only in the thread that enqueued

    def enqueue(  # type: ignore[override]  # the stubs' TaskResult is generic, ours is not
        self, task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> ConvoyResult:
        """Remember a job. Raises InvalidTask, PayloadError."""
        self.validate_task(task)
        result = self._fresh(task, args, kwargs)
        self.results.append(result)
        task_signals.task_enqueued.send(type(self), task_result=result)
        return deepcopy(result)

    def get_result(self, result_id: str) -> ConvoyResult:
        """Return what `results` has. Raises TaskResultDoesNotExist."""
        found: ConvoyResult = DjangoDummyBackend.get_result(self, result_id)  # type: ignore[assignment]
        return found


class ImmediateBackend(DjangoImmediateBackend, Double):
    """Runs a job in `enqueue()`: once, at once whatever `run_after` says, without a timeout.

    A failure is in the result and is not raised; `atomic` tasks run in a transaction; a job whose
    `expires` is past is not run, and reads as it would behind a worker.
    """

    supports_get_result = False  # nothing is kept

    def get_result(self, result_id: str) -> ConvoyResult:
        """Raise NotImplementedError: only who enqueued has the result."""
        raise NotImplementedError(
            "This backend does not support retrieving or refreshing results. "
            "Use what enqueue() returns."
        )

    def enqueue(  # type: ignore[override]  # the stubs' TaskResult is generic, ours is not
        self, task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> ConvoyResult:
        """Run a job and return its result. Raises InvalidTask, PayloadError."""
        self.validate_task(task)
        result = self._fresh(task, args, kwargs)
        task_signals.task_enqueued.send(type(self), task_result=result)
        if late := expired(self._policy(task).expires, clock.now()):
            self._fail(result, late)
            self._close(result, TaskResultStatus.FAILED)
            object.__setattr__(result, "detail", CANCELLED)
            return result
        self._begin(result)
        try:
            value = self._call(task, result)
        except KeyboardInterrupt:
            raise  # whoever runs the tests wants to stop them
        except BaseException as error:
            self._fail(result, error)
            # Sent in here, so that the log has the traceback.
            self._end(result, TaskResultStatus.FAILED)
        else:
            object.__setattr__(result, "_return_value", value)
            self._end(result, TaskResultStatus.SUCCESSFUL)
        return result

    def _begin(self, result: ConvoyResult) -> None:
        now = timezone.now()
        for name in ("started_at", "last_attempted_at"):
            object.__setattr__(result, name, now)
        object.__setattr__(result, "status", TaskResultStatus.RUNNING)
        result.worker_ids.append(self.worker_id)
        task_signals.task_started.send(type(self), task_result=result)

    def _call(self, task: AnyTask, result: ConvoyResult) -> Any:
        args = (self._context(task, result), *result.args) if task.takes_context else result.args
        with self._transaction(task):
            value = task.call(*args, **result.kwargs)
            if not self._policy(task).keep_result:
                return None
            codec = self._codec()
            return codec.load_result(result.id, codec.dump_result(result.id, value))

    def _transaction(self, task: AnyTask) -> AbstractContextManager[Any]:
        if self._policy(task).atomic:
            return transaction.atomic(using=self._parsed().broker.get("alias"))
        return nullcontext()

    def _context(self, task: AnyTask, result: ConvoyResult) -> Context:
        now = clock.now()
        envelope = Envelope(
            result.id, task.queue_name, task.module_path, "", "", "", task.priority, now
        )
        return Context(task_result=result, lease=Lease(envelope, "", 1, Note()))

    def _fail(self, result: ConvoyResult, error: BaseException) -> None:
        described = RunError.of(error, 1)
        result.errors.append(
            JobError(
                exception_class_path=described.exception_class_path,
                traceback=described.traceback,
                message=described.message,
                attempt=1,
                at=to_local(clock.now()),
            )
        )

    def _close(self, result: ConvoyResult, status: TaskResultStatus) -> None:
        object.__setattr__(result, "finished_at", timezone.now())
        object.__setattr__(result, "status", status)

    def _end(self, result: ConvoyResult, status: TaskResultStatus) -> None:
        self._close(result, status)
        task_signals.task_finished.send(type(self), task_result=result)
