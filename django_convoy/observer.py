"""Tells Django's signals of runs, and makes the context that a task may take."""

from datetime import datetime
from typing import Any

from django_convoy.core.codec import Call
from django_convoy.core.execution import Observer, Run
from django_convoy.db.aging import close_aged_connections
from django_convoy.domain import clock
from django_convoy.domain.outcome import Outcome, Retry, Succeeded
from django_convoy.framework import TaskResultStatus, task_signals
from django_convoy.observed import is_observed
from django_convoy.results import Context, ConvoyResult, JobError, build
from django_convoy.runtime import Runtime


class SignalObserver(Observer):
    """Sends `task_started` and `task_finished`, with the class of the backend as sender."""

    def __init__(self, runtime: Runtime, sender: type[Any], worker: str) -> None:
        self._runtime = runtime
        self._sender = sender
        self._worker = worker
        self._results: dict[str, ConvoyResult] = {}

    def _result(self, run: Run) -> ConvoyResult:
        result = self._results.get(run.lease.id)
        if result is None:
            note = run.lease.note
            result = build(
                self._runtime,
                run.lease.envelope,
                TaskResultStatus.RUNNING,
                note,
                run.started_at,
                None,
                call=Call(run.args, run.kwargs),
            )
            result.worker_ids.append(self._worker)
            self._results[run.lease.id] = result
        return result

    def context(self, run: Run) -> Context:
        """Return the context with the running result."""
        return Context(task_result=self._result(run), lease=run.lease)

    def started(self, run: Run) -> None:
        """Send `task_started`, if anybody listens."""
        if is_observed(task_signals.task_started):
            result = self._result(run)
            task_signals.task_started.send_robust(self._sender, task_result=result)

    def finished(self, run: Run, outcome: Outcome) -> None:
        """Send `task_finished`; a job that will be tried again reads READY."""
        if run.error is None and not is_observed(task_signals.task_finished):
            if self._results:
                self._results.pop(run.lease.id, None)
            return
        result = self._result(run)
        self._results.pop(run.lease.id, None)
        status = TaskResultStatus.FAILED
        if isinstance(outcome, Succeeded):
            status = TaskResultStatus.SUCCESSFUL
            if outcome.result is not None:
                value = self._runtime.codec.load_result(run.lease.id, outcome.result)
                object.__setattr__(result, "_return_value", value)
        elif isinstance(outcome, Retry):
            status = TaskResultStatus.READY
        if not isinstance(outcome, Succeeded):
            error = outcome.error  # type: ignore[union-attr]
            result.errors.append(
                JobError(
                    exception_class_path=error.exception_class_path,
                    traceback=error.traceback,
                    message=error.message,
                    attempt=error.attempt,
                    at=datetime.fromisoformat(error.at),
                )
            )
        object.__setattr__(result, "status", status)
        object.__setattr__(result, "finished_at", clock.now())
        task_signals.task_finished.send_robust(self._sender, task_result=result)

    def settled(self) -> None:
        """After each job, as after each request: connections past their age are closed."""
        close_aged_connections()
