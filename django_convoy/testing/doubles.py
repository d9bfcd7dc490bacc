"""Backends for a site's own tests: no database, no worker, the API and the checks of the real one.

`ImmediateBackend` runs a job when it is enqueued, once. `DummyBackend` only remembers it.
Arguments and results go through the serializer, so that a test sees what a worker would see.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from django.core.checks import CheckMessage, Error
from django.utils import timezone

from django_convoy import conf
from django_convoy.backend import ConvoyBackend
from django_convoy.batches import Batch, EagerBatch
from django_convoy.brokers.sync import SyncBroker
from django_convoy.checks import check_defaults
from django_convoy.core.codec import Call, Codec
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import ConfigurationError, ResultTimeout
from django_convoy.framework import AnyTask, TaskResultStatus, task_signals
from django_convoy.framework import DummyBackend as DjangoDummyBackend
from django_convoy.framework import ImmediateBackend as DjangoImmediateBackend
from django_convoy.results import ConvoyResult
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


class AtOnce(SyncBroker):
    """Runs also what should wait."""

    capabilities = replace(SyncBroker.capabilities, max_delay=None)


class ImmediateBackend(DjangoImmediateBackend, Double):
    """Runs a job in `enqueue()`: once, at once whatever `run_after` says, without a timeout.

    A failure is in the result and is not raised; `atomic` tasks run in a transaction; a job whose
    `expires` is past is not run, and reads as it would behind a worker. It is the broker `sync`
    without a store, and without what takes time.
    """

    supports_get_result = False  # nothing is kept
    instead = MappingProxyType({"retries": 0, "timeout": None})

    def _at_once(self) -> Runtime:
        """Return a runtime, whatever broker and store OPTIONS name."""
        named = self._parsed().broker
        broker = {"name": f"{__name__}.{AtOnce.__name__}", "alias": named.get("alias", "default")}
        options = {**self.options, "broker": broker, "store": "none"}
        return Runtime(self.alias, {"QUEUES": list(self.queues), "OPTIONS": options})

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
        return self._enqueue(self._at_once(), task, args, kwargs)
