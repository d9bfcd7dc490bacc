"""Runs jobs in the caller's own thread: at enqueue, and in tests."""

from dataclasses import replace
from typing import Any

from django_convoy.core.execution import Run, prepare
from django_convoy.core.lanes import Lanes
from django_convoy.core.settling import Conclusion, conclude
from django_convoy.db.atomicity import savepoints, task_atomic
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease
from django_convoy.domain.errors import JobInterrupted
from django_convoy.domain.options import AT_LEAST_ONCE
from django_convoy.domain.outcome import Error, Failed, Outcome, Succeeded
from django_convoy.domain.verdict import Again
from django_convoy.observer import SignalObserver
from django_convoy.registry import Finder
from django_convoy.results import ConvoyResult, from_record
from django_convoy.runtime import Runtime
from django_convoy.worker.delivery import Delivered, deliver
from django_convoy.worker.engine import Engine
from django_convoy.worker.ledger import settle


class _Undone(Exception):
    """Carries what a failed run came to out of the savepoints that undo it."""

    def __init__(self, delivered: Delivered) -> None:
        self.delivered = delivered


class Runner:
    """Runs leased jobs of one runtime, settles and records them, on the caller's connections.

    sender: the class that signals come from. worker: what it is called in results.
    instead: options that come before those of the jobs.
    """

    def __init__(self, runtime: Runtime, sender: type[Any], worker: str, **instead: Any) -> None:
        self._instead = instead
        self._guard = runtime.timeouts
        pair = runtime.shared
        alias = pair.broker.capabilities.transactional or "default"
        self.worker = worker
        self._engine = Engine(
            own=pair,
            shared=pair,
            codec=runtime.codec,
            find=Finder(runtime.options.task),
            observer=SignalObserver(runtime, sender, self.worker),
            lanes=Lanes([], runtime.full_name, list),
            retention=runtime.options.retention,
            namespace=runtime.options.namespace,
            task_atomic=lambda: task_atomic(alias),
            after_job=lambda: None,
            worker=self.worker,
        )

    def run(self, lease: Lease) -> Conclusion | None:
        """Return what a job came to; None: its lease was lost.

        Where the caller has a transaction open, a run that fails is undone in it.
        """
        prepared = prepare(lease, self._engine.opener, self._engine.find)
        if not isinstance(prepared, Run):
            return self.end(lease, prepared)
        # Nobody runs it again when this process dies, so there is no other order to keep.
        options = replace(prepared.options, delivery=AT_LEAST_ONCE, **self._instead)
        prepared.options = options
        delivered = self._deliver(prepared)
        if delivered is None:
            return None
        if delivered.settle:
            settle(self._engine.shared, [delivered.conclusion])
        return delivered.conclusion

    def _deliver(self, run: Run) -> Delivered | None:
        try:
            with savepoints():
                delivered = deliver(self._engine, run, self._guard, lambda: True)
                if isinstance(run.error, KeyboardInterrupt):
                    raise run.error  # whoever sits before this process wants it to stop
                if delivered is not None and not isinstance(delivered.outcome, Succeeded):
                    raise _Undone(delivered)
        except _Undone as undone:
            return undone.delivered
        return delivered

    def end(self, lease: Lease, outcome: Outcome) -> Conclusion:
        """Settle and record a job that is not called."""
        conclusion = conclude(
            lease,
            outcome,
            worker=self.worker,
            started_at=None,
            finished_at=clock.now(),
            durable=self._engine.own.store.durable,
        )
        settle(self._engine.shared, [conclusion])
        return conclusion


def run_at_once(
    runtime: Runtime, sender: type[Any], envelope: Envelope, **instead: Any
) -> ConvoyResult:
    """Run a job that waits nowhere, to its end: further attempts follow without a pause."""
    runner = Runner(runtime, sender, ids.worker_name("sync"), **instead)
    lease = Lease(envelope, ids.token(), 1, NO_NOTE)
    while True:
        ended = runner.run(lease)
        if ended is None or not isinstance(ended.verdict, Again):
            break
        note = ended.verdict.note
        if ended.verdict.refund:  # nobody will come later who can run it
            error = Error.of(JobInterrupted(note.waiting), lease.attempt)
            ended = runner.end(lease, Failed(error))
            break
        lease = Lease(envelope, ids.token(), lease.attempt + 1, note)
    assert ended is not None and ended.record is not None  # noqa: S101 - it is over, and was ours
    return from_record(runtime, ended.record)
