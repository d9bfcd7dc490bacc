"""Runs a job for show, and takes back what it did to databases."""

import contextlib
import io
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connections, transaction
from django.db.backends.signals import connection_created

from django_convoy.brokers.debug_web import Announcement
from django_convoy.core.execution import Run, execute, prepare
from django_convoy.domain import ids
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease
from django_convoy.domain.outcome import (
    Cancelled,
    Failed,
    Outcome,
    Quarantined,
    Released,
    Retry,
    Succeeded,
)
from django_convoy.framework import task_backends
from django_convoy.observer import SignalObserver
from django_convoy.registry import Finder
from django_convoy.runtime import Runtime

SHOWN = 200
"""Statements that are listed; all are counted."""


@dataclass(slots=True)
class Query:
    """One statement."""

    database: str
    sql: str
    milliseconds: float


@dataclass(slots=True)
class Trial:
    """What came of a run. verdict: in words. hooks: what was to happen after a commit."""

    verdict: str = ""
    good: bool = False
    result: str = ""
    traceback: str = ""
    output: str = ""
    seconds: float = 0.0
    count: int = 0
    queries: list[Query] = field(default_factory=list)
    enqueued: list[str] = field(default_factory=list)
    hooks: int = 0

    def watch(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Watch one statement, as Django's `execute_wrapper` has it."""
        began = time.monotonic()
        try:
            return execute(sql, params, many, context)
        finally:
            self.count += 1
            if len(self.queries) < SHOWN:
                took = (time.monotonic() - began) * 1000
                alias = context["connection"].alias
                self.queries.append(Query(alias, str(sql), round(took, 2)))


def attempt(runtime: Runtime, envelope: Envelope) -> Trial:
    """Run a job as its first attempt, in transactions that are rolled back."""
    trial = Trial()
    began = time.monotonic()
    with _output(trial), _undone(trial):
        outcome = _run(runtime, envelope)
    trial.seconds = round(time.monotonic() - began, 3)
    _tell(trial, runtime, envelope, outcome)
    return trial


def _run(runtime: Runtime, envelope: Envelope) -> Outcome:
    lease = Lease(envelope, ids.token(), 1, NO_NOTE)
    prepared = prepare(lease, runtime.codec, Finder(runtime.options.task))
    if not isinstance(prepared, Run):
        return prepared
    sender = type(task_backends[runtime.alias])
    observer = SignalObserver(runtime, sender, ids.worker_name("debug-web"))
    return execute(prepared, runtime.codec, observer, runtime.timeouts)


@contextlib.contextmanager
def _undone(trial: Trial) -> Iterator[None]:
    """Open a transaction in every database that is used, and roll it back.

    One that nobody has connected to yet may not even be there: it begins when it is connected.
    """
    before: dict[str, int] = {}
    with contextlib.ExitStack() as stack:

        def begin(connection: Any, **_: Any) -> None:
            alias = connection.alias
            if connection is connections[alias] and alias not in before:  # not another thread's
                stack.enter_context(transaction.atomic(using=alias))
                before[alias] = len(connection.run_on_commit)

        def watch(execute: Any, *call: Any) -> Any:
            begun = call[-1]["connection"].alias in before  # what connecting asks is no job's
            return trial.watch(execute, *call) if begun else execute(*call)

        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(watch))
            if connection.connection is not None:
                begin(connection)
        connection_created.connect(begin)
        stack.callback(connection_created.disconnect, begin)
        yield
        for alias, seen in before.items():
            hooks = [hook for _, hook, *_ in connections[alias].run_on_commit[seen:]]
            told = [hook for hook in hooks if isinstance(hook, Announcement)]
            trial.enqueued += [line for one in told for line in one.lines]
            trial.hooks += len(hooks) - len(told)
            transaction.set_rollback(True, using=alias)


@contextlib.contextmanager
def _output(trial: Trial) -> Iterator[None]:
    """Keep what is printed, and what this thread logs."""
    text, thread = io.StringIO(), threading.get_ident()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.addFilter(lambda record: record.thread == thread)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            yield
    finally:
        root.removeHandler(handler)
        trial.output = text.getvalue()


def _tell(trial: Trial, runtime: Runtime, envelope: Envelope, outcome: Outcome) -> None:
    match outcome:
        case Succeeded(result):
            trial.verdict, trial.good = "It succeeded.", True
            if result is not None:
                trial.result = repr(runtime.codec.load_result(envelope.id, result))
        case Retry(error, delay):
            trial.verdict = f"It failed. A worker would try it again in {delay:.1f} s."
            trial.traceback = error.traceback
        case Failed(error):
            trial.verdict, trial.traceback = "It failed.", error.traceback or error.message
        case Cancelled(error):
            trial.verdict = f"It was not run: {error.message}."
        case Released(reason) | Quarantined(reason):
            trial.verdict = f"It was not run: {reason}."
        case _:  # nothing else comes of a run here
            trial.verdict = repr(outcome)
