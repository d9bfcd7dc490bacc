"""The `django.tasks` backend: BACKEND is "django_convoy.backend.ConvoyBackend" in TASKS."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from inspect import iscoroutinefunction
from itertools import islice
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage
from django.utils import timezone

from django_convoy import checks, conf, results
from django_convoy.assembly import delivers_at_most_once
from django_convoy.batches import Batch, EagerBatch
from django_convoy.core.codec import Call
from django_convoy.db.fields import to_local
from django_convoy.domain import clock, ids, promises
from django_convoy.domain import options as job_options
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import InvalidOption
from django_convoy.domain.options import JobOptions
from django_convoy.domain.suggest import instead
from django_convoy.framework import AnyTask, BaseTaskBackend, InvalidTask, task_signals
from django_convoy.observed import is_observed
from django_convoy.results import ConvoyResult
from django_convoy.running import run_at_once
from django_convoy.runtime import Runtime, runtime_of
from django_convoy.tasks import ConvoyTask, InvalidTaskOption, Job, enqueue_each

CHUNK = 1000
_NO_OPTIONS: dict[str, Any] = {}
"""One for all threads, so that tasks see that it is the same."""
MAX_PATH = 255


class ConvoyBackend(BaseTaskBackend):
    """Enqueues into the broker that OPTIONS names, and reads results from its store."""

    task_class = ConvoyTask
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True
    instead: Mapping[str, Any] = MappingProxyType({})
    """Options that come before those of jobs that are run in `enqueue()`."""

    def __init__(self, alias: str, params: Mapping[str, Any]) -> None:
        # Runs while tasks are being imported, before the apps are ready: nothing is opened.
        super().__init__(alias, {**params, "OPTIONS": params.get("OPTIONS") or _NO_OPTIONS})

    @property
    def runtime(self) -> Runtime:
        """This process's runtime of the alias."""
        return runtime_of(self.alias)

    def validate_task(self, task: AnyTask) -> None:
        """Raise InvalidTask for what this backend cannot do with a task."""
        # A task does not change: once is enough as long as nothing does that is looked at here
        # or in Django, and enqueue() is quick.
        rules = (
            type(self),
            self.options,
            self.queues,
            settings.USE_TZ,
            self.supports_defer,
            self.supports_async_task,
            self.supports_priority,
        )
        if isinstance(task, ConvoyTask) and task._sound_for == rules:
            return
        self._validate(task)
        if isinstance(task, ConvoyTask):
            object.__setattr__(task, "_sound_for", rules)

    def _validate(self, task: AnyTask) -> None:
        try:
            super().validate_task(task)
        except InvalidTask as error:
            if not str(error).startswith("Queue "):
                raise
            hint = instead(str(task.queue_name), self.queues)
            raise InvalidTask(
                f"{error} It is not in TASKS[{self.alias!r}]['QUEUES']; {hint}"
            ) from None
        _check_names(task.queue_name, task.module_path)
        if isinstance(task, ConvoyTask):
            self._validate_options(task)

    def _validate_options(self, task: ConvoyTask[..., Any]) -> None:
        try:
            defaults = self._task_defaults()
        except InvalidOption:
            return  # said by the check, and when the settings are read
        declared = task.declared()
        if not (declared or defaults or task.priority):
            return
        try:
            policy = task.policy(defaults)
            job_options.check_together(policy, is_async=iscoroutinefunction(task.func))
            checks.check_promised(policy, task.priority, self.options)
        except InvalidOption as error:
            told = f"{task.module_path}: {error}"
            if defaults.keys() - declared.keys():
                told += f" (with the defaults of TASKS[{self.alias!r}]['OPTIONS']['task'])"
            raise InvalidTaskOption(told) from None

    def _task_defaults(self) -> Mapping[str, Any]:
        given = self.options.get("task") or {}
        if not isinstance(given, Mapping):
            raise InvalidOption("task must be a dict of task options")
        if delivers_at_most_once(self.options.get("broker")):
            given = {"delivery": job_options.AT_MOST_ONCE, **given}
        return {name: job_options.clean(name, value) for name, value in given.items()}

    def enqueue(  # type: ignore[override]  # the stubs' TaskResult is generic, ours is not
        self, task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> ConvoyResult:
        """Enqueue one job, in the caller's transaction if there is one.

        Raises InvalidTask, PayloadError (a TypeError), BrokerUnavailable.
        """
        return self._enqueue(self.runtime, task, args, kwargs)

    def _enqueue(
        self, runtime: Runtime, task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> ConvoyResult:
        self.validate_task(task)
        envelope = _Sealer(runtime, task).envelope(args, kwargs, ids.job_id(), clock.now())
        if not runtime.runs_at_once:
            runtime.intake.push_new([envelope])
        result = results.fresh(_with_due(task, envelope), envelope, args, kwargs)
        if is_observed(task_signals.task_enqueued):
            task_signals.task_enqueued.send(type(self), task_result=result)
        if runtime.runs_at_once:
            return run_at_once(runtime, type(self), envelope, **self.instead)
        return result

    def enqueue_many(self, jobs: Iterable[Job]) -> Batch:
        """Enqueue jobs of this backend's tasks, a thousand at a time."""
        runtime = self.runtime
        if runtime.runs_at_once:
            return EagerBatch(self.enqueue(job.task, job.args, job.kwargs or {}) for job in jobs)
        batch = Batch(self.get_result)
        sealers: dict[int, _Sealer] = {}
        iterator = iter(jobs)
        observed = is_observed(task_signals.task_enqueued)
        while chunk := list(islice(iterator, CHUNK)):
            now, new_ids = clock.now(), ids.job_ids(len(chunk))
            for job in chunk:
                if id(job.task) not in sealers:
                    self.validate_task(job.task)
                    # It keeps the task, so that its id stays its own.
                    sealers[id(job.task)] = _Sealer(runtime, job.task)
            sealed: Iterable[Envelope] = (
                sealers[id(job.task)].envelope(job.args, job.kwargs or {}, job_id, now)
                for job, job_id in zip(chunk, new_ids, strict=True)
            )
            if observed or len(chunk) == 1:
                sealed = list(sealed)
            runtime.intake.push_new(sealed)
            batch.add(new_ids[0], len(new_ids))
            if observed:
                for job, envelope in zip(chunk, sealed, strict=True):
                    result = results.fresh(job.task, envelope, job.args, job.kwargs or {})
                    task_signals.task_enqueued.send(type(self), task_result=result)
            if len(sealers) > CHUNK:
                sealers.clear()
        return batch

    def get_result(self, result_id: str) -> ConvoyResult:
        """Return a job's result. Raises TaskResultDoesNotExist."""
        return results.get_result(self.runtime, result_id)

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Return what Django's check of task backends shows."""
        return checks.check_backend(self.alias, self.options, self.queues)


@lru_cache(maxsize=1000)
def _check_names(queue: str, path: str) -> None:
    """Raise InvalidTask for names that brokers cannot store."""
    try:
        conf.check_queue_name(queue, path)
    except conf.SettingsError as error:
        raise InvalidTask(str(error)) from None
    if len(path) > MAX_PATH:
        raise InvalidTask(f"{path[:60]}...: the path of a task has at most {MAX_PATH} characters")


class _Sealer:
    """Makes envelopes of one task's calls; what is the same for all of them is done once."""

    __slots__ = ("_can", "_options", "_runtime", "path", "queue", "task")

    def __init__(self, runtime: Runtime, task: AnyTask) -> None:
        self.task = task
        self.queue = runtime.full_name(task.queue_name)
        self.path = task.module_path
        self._runtime = runtime
        self._can = runtime.promised if runtime.is_limited else None
        self._check_task()
        self._options: dict[str, Any] = {}
        if isinstance(task, ConvoyTask) and task.overrides:
            names = sorted(task.overrides)
            self._options = {name: job_options.to_json(name, getattr(task, name)) for name in names}

    def _check_task(self) -> None:
        """Raise InvalidTaskOption for what the broker, as it is set up here, cannot do."""
        can, task, options = self._can, self.task, self._runtime.options
        known = isinstance(task, ConvoyTask) and task._promised_by is options
        if can is None or known:
            return
        if isinstance(task, ConvoyTask):
            policy = task.policy(options.task)
        else:
            policy = JobOptions(**options.task)
        try:
            promises.check_task(can, options.broker["name"], policy, task.priority)
        except InvalidOption as error:
            raise InvalidTaskOption(f"{self.path}: {error}") from None
        if isinstance(task, ConvoyTask):  # which does not change, nor do the options
            object.__setattr__(task, "_promised_by", options)

    def _checked(self, envelope: Envelope) -> Envelope:
        """Return it. Raises InvalidTaskOption, PayloadError."""
        if self._can is not None:
            try:
                promises.check_job(self._can, self._runtime.options.broker["name"], envelope)
            except InvalidOption as error:
                raise InvalidTaskOption(str(error)) from None
        return envelope

    def envelope(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], job_id: str, now: datetime
    ) -> Envelope:
        """Return the signed job. Raises TypeError, PayloadError."""
        task, due, options = self.task, self.task.run_after, self._options
        if isinstance(task, ConvoyTask):
            task.check_call(args, kwargs)
            if task.delay is not None:
                due = now + task.delay
            if isinstance(options.get("expires"), float):
                options = {**options, "expires": (now + task.expires).isoformat()}
        if due is not None and timezone.is_naive(due):
            due = timezone.make_aware(due)
        queue, path = self.queue, self.path
        call = Call(args, kwargs, options)
        payload, seal, key_id = self._runtime.codec.seal(job_id, queue, path, call)
        made = Envelope(job_id, queue, path, payload, seal, key_id, task.priority, now, due)
        return made if self._can is None else self._checked(made)


def _with_due(task: AnyTask, envelope: Envelope) -> AnyTask:
    """Return the task with the time that a delay came to, as `get_result()` returns it."""
    if isinstance(task, ConvoyTask) and task.delay is not None:
        return replace(task, run_after=to_local(envelope.due), delay=None)
    return task


def enqueue_many(jobs: Iterable[Job]) -> list[Batch]:
    """Enqueue jobs of any tasks: `enqueue_many([a.job(1), b.job(x=2)])`.

    In few statements and constant memory; jobs of one backend that follow each other go
    together. Returns a Batch per backend, in the order of their first jobs.
    """
    batches: dict[str, Batch] = {}
    iterator = iter(jobs)
    while chunk := list(islice(iterator, CHUNK)):
        by_backend: dict[str, list[Job]] = {}
        for job in chunk:
            if not isinstance(job, Job):
                raise InvalidTask(f"enqueue_many takes task.job(...), not {job!r}")
            by_backend.setdefault(job.task.backend, []).append(job)
        for alias, some in by_backend.items():
            backend = some[0].task.get_backend()
            ours = isinstance(backend, ConvoyBackend)
            done = backend.enqueue_many(some) if ours else enqueue_each(some)
            if alias in batches:
                batches[alias].join(done)
            else:
                batches[alias] = done
    return list(batches.values())
