"""Whether a job can go to another backend, and what it is there."""

from dataclasses import replace
from datetime import timedelta

from django_convoy import checks
from django_convoy.contracts.broker import Adopter, Browsable, Held
from django_convoy.core.codec import Call
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import NO_NOTE, Envelope
from django_convoy.domain.errors import ConfigurationError, ConvoyError
from django_convoy.framework import task_backends
from django_convoy.registry import find_task
from django_convoy.runtime import Runtime

PROBE = "django_convoy.moving.probe"
"""Not a task: a worker that takes it meanwhile gives it back."""


class Unfit(ConvoyError):
    """The job cannot be moved; the message says why."""


class Fit:
    """What differs between two backends."""

    def __init__(self, source: Runtime, target: Runtime) -> None:
        self._source = source
        self._target = target
        self._can = target.shared.broker.capabilities
        self._kind = type(target.shared.broker).__name__
        self._why_not: dict[str, str] = {}

    def queues(self) -> list[str]:
        """Return what the source has, by short names. Raises ConfigurationError."""
        broker = self._source.shared.broker
        view, listed = self._source.shared.view, set[str]()
        if view is not None:
            listed = {self._source.short_name(full) or "" for full in view.queues()} - {""}
        if not isinstance(broker, Browsable):
            listed |= set(self._source.declared_queues)
            if not self._source.declared_queues:
                raise ConfigurationError(
                    f"{type(broker).__name__} cannot list its queues: name one with --queue"
                )
        return sorted(listed)

    def check(self, queue: str) -> None:
        """Raise ConfigurationError unless the target has a place for a queue (its short name)."""
        declared = self._target.declared_queues
        if declared and queue not in declared:
            raise ConfigurationError(
                f"queue {queue!r} is not in TASKS[{self._target.alias!r}]['QUEUES'], so that its "
                "jobs would wait there for ever: add it first"
            )

    def check_places(self) -> None:
        """Raise ConfigurationError if both keep their jobs in one place."""
        source, target = self._source, self._target
        if source.options.broker == target.options.broker or self._meet():
            raise ConfigurationError(
                f"TASKS[{source.alias!r}] and TASKS[{target.alias!r}] have their jobs in one "
                "place: there is nothing to move"
            )

    def _meet(self) -> bool:
        """Return whether the source sees what is pushed to the target: they may be one server,
        named in two ways, and its jobs would be taken for moved already."""
        source, target = self._source.shared.broker, self._target.shared.broker
        if not isinstance(source, Browsable):
            return False
        # One name for all: what one who was killed has left there, the next removes.
        queue, job_id = self._target.full_name("convoy-move"), ids.job_id()
        sealed = self._target.codec.seal(job_id, queue, PROBE, Call())
        target.push([Envelope(job_id, queue, PROBE, *sealed, 0, clock.now())])
        try:
            return source.find(job_id) is not None
        finally:
            target.delete(queue)

    def fitted(self, job: Held) -> Held:
        """Return the job as the target has it. Raises Unfit."""
        envelope = job.envelope
        if why := self._unfit_task(envelope.task):
            raise Unfit(why)
        if job.state == "buried" and not isinstance(self._target.shared.broker, Adopter):
            raise Unfit(f"{self._kind} cannot set jobs aside: retry or cancel it first")
        return replace(job, envelope=self._sealed(envelope))

    def forgets(self, job: Held) -> str:
        """Return what the target will not know of a job any more, in a word."""
        adopts = isinstance(self._target.shared.broker, Adopter) and self._can.notes
        if not adopts and (job.attempt or job.note != NO_NOTE):
            return "earlier attempts"
        return "priority" if job.envelope.priority and not self._can.priority else ""

    def is_far(self, job: Held) -> bool:
        """Return whether the target's broker cannot hold the job for as long as it waits."""
        longest, wake_at = self._can.max_delay, job.wake_at
        return longest is not None and wake_at is not None and wake_at > clock.now() + longest

    def near(self) -> timedelta:
        """Return how long before its time such a job is sent."""
        return (self._can.max_delay or timedelta()) * 0.9

    def _sealed(self, envelope: Envelope) -> Envelope:
        """Return it signed for the queue that it goes to, in writing that is read there."""
        short = self._source.short_name(envelope.queue)
        if short is None:
            raise Unfit(f"queue {envelope.queue!r} is another namespace's")
        queue = self._target.full_name(short)
        try:
            if queue == envelope.queue:
                self._target.codec.open(envelope)
                return envelope
        except ConvoyError:
            pass  # perhaps a serializer that is not accepted there
        try:
            call = self._source.codec.open(envelope)
            sealed = self._target.codec.seal(envelope.id, queue, envelope.task, call)
        except ConvoyError as error:
            raise Unfit(str(error)) from error
        payload, seal, key_id = sealed
        return replace(envelope, queue=queue, payload=payload, seal=seal, key_id=key_id)

    def _unfit_task(self, path: str) -> str:
        if path not in self._why_not:
            self._why_not[path] = self._look_at_task(path)
        return self._why_not[path]

    def _look_at_task(self, path: str) -> str:
        try:
            policy = find_task(path).policy(self._target.options.task)
        except ConvoyError:
            return ""  # a worker will say so
        try:
            checks.check_promised(policy, 0, task_backends[self._target.alias].options)
        except ConvoyError as error:
            return f"{path}: {error}"
        return ""
