"""The three orders of run, record and settle: what a task was promised."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django_convoy.contracts.broker import Recorder
from django_convoy.contracts.store import SUCCESSFUL
from django_convoy.core.execution import Guard, Run, execute, execute_async
from django_convoy.core.retry import after_error
from django_convoy.core.settling import Conclusion, conclude
from django_convoy.domain import clock
from django_convoy.domain.errors import LeaseLost
from django_convoy.domain.options import AT_MOST_ONCE
from django_convoy.domain.outcome import Error, Outcome, Released, Succeeded
from django_convoy.domain.verdict import DONE
from django_convoy.worker.engine import Engine
from django_convoy.worker.ledger import insist, lost, record, settle

logger = logging.getLogger("django_convoy.worker")
GiveUp = Callable[[], bool]
BEGIN_AGAIN_SECONDS = 1.0
MOST = 300
"""Characters of what is remembered of a failed hook."""


@dataclass(slots=True)
class Delivered:
    """What a delivery came to. settle: the conclusion still has to be settled."""

    outcome: Outcome
    conclusion: Conclusion
    settle: bool


class _RolledBack(Exception):
    """Carries a failed outcome out of the transaction that it undoes."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


def deliver(engine: Engine, run: Run, guard: Guard, give_up: GiveUp) -> Delivered | None:
    """Run a job as its options promise. None: the lease was lost, nothing was changed.

    give_up: asked, while the broker cannot be reached, whether to wait no longer.
    """
    run.started_at = clock.now()
    if run.options.delivery == AT_MOST_ONCE:
        return _at_most_once(engine, run, guard, give_up)
    if run.options.atomic:
        return _exactly_once(engine, run, guard, give_up)
    outcome = execute(run, engine.codec, engine.observer, guard)
    return Delivered(outcome, _concluded(engine, run, outcome), settle=True)


async def deliver_async(engine: Engine, run: Run, give_up: GiveUp) -> Delivered | None:
    """Like `deliver`, for an `async def` body on the running loop."""
    run.started_at = clock.now()
    once = run.options.delivery == AT_MOST_ONCE
    if once and not await asyncio.to_thread(_forget, engine, run, give_up):
        return None
    outcome = await execute_async(run, engine.codec, engine.observer)
    conclusion = _concluded(engine, run, outcome)
    if once:
        await asyncio.to_thread(_record, engine, conclusion, give_up)
    return Delivered(outcome, conclusion, settle=not once)


def _concluded(engine: Engine, run: Run, outcome: Outcome) -> Conclusion:
    return conclude(
        run.lease,
        outcome,
        worker=engine.worker,
        started_at=run.started_at,
        finished_at=clock.now(),
        options=run.options,
        durable=engine.own.store.durable,
    )


def _forget(engine: Engine, run: Run, give_up: GiveUp) -> bool:
    """Settle before the run; return whether the lease was still held."""
    verdict = [(run.lease, DONE)]
    return insist(lambda: engine.own.broker.settle(verdict), give_up, "settling a job")[0]


def _record(engine: Engine, conclusion: Conclusion, give_up: GiveUp) -> None:
    insist(lambda: record(engine.own, conclusion), give_up, "recording a job")


def _at_most_once(engine: Engine, run: Run, guard: Guard, give_up: GiveUp) -> Delivered | None:
    """Settle, run, record."""
    if not _forget(engine, run, give_up):
        return None
    outcome = execute(run, engine.codec, engine.observer, guard)
    conclusion = _concluded(engine, run, outcome)
    _record(engine, conclusion, give_up)
    return Delivered(outcome, conclusion, settle=False)


def _settle_last(engine: Engine, conclusion: Conclusion) -> None:
    """Settle within the task's transaction. Raises LeaseLost."""
    pair, record = engine.shared, conclusion.record
    if pair.together and isinstance(pair.broker, Recorder) and record is not None:
        pair.broker.settle_last(conclusion.lease, record)
    elif not settle(pair, [conclusion])[0]:
        raise LeaseLost(conclusion.lease.id)


def _exactly_once(engine: Engine, run: Run, guard: Guard, give_up: GiveUp) -> Delivered | None:
    """One transaction of body, settle and record, or none of them; then its commit hooks."""
    hooks: Sequence[Callable[[], object]] | None = None
    try:
        with engine.task_atomic() as hooks:
            outcome = execute(run, engine.codec, engine.observer, guard)
            if not isinstance(outcome, Succeeded):
                raise _RolledBack(outcome)
            conclusion = _concluded(engine, run, outcome)
            # The live row is touched last, so that it is locked for a moment only.
            _settle_last(engine, conclusion)
    except _RolledBack as failed:
        conclusion = _concluded(engine, run, failed.outcome)
        return Delivered(failed.outcome, conclusion, settle=True)
    except LeaseLost:
        lost(run.lease.id)
        return None
    except Exception as error:
        if hooks is None:
            waits = Released(f"its transaction could not begin: {error}", BEGIN_AGAIN_SECONDS)
            return Delivered(waits, _concluded(engine, run, waits), settle=True)
        # Out of COMMIT, which may have taken place, or be under way still.
        if not _took_place(engine, run, give_up):
            judged = after_error(run.lease, run.options, error)
            undone = _concluded(engine, run, judged)
            if engine.own is engine.shared:  # on one connection none can be under way beside this
                return Delivered(judged, undone, settle=True)
            settled = insist(lambda: settle(engine.own, [undone]), give_up, "settling a job")
            if settled[0]:  # ahead of the COMMIT, which finds no lease to settle any more
                return Delivered(judged, undone, settle=False)
            if not _took_place(engine, run, give_up):
                lost(run.lease.id)
                return None
        logger.warning("job %s: committed, though its commit failed: %s", run.lease.id, error)
    if hooks:
        _call(hooks, engine, run, give_up)
    return Delivered(outcome, conclusion, settle=False)


def _took_place(engine: Engine, run: Run, give_up: GiveUp) -> bool:
    """Return whether the store knows that this attempt was committed. A failure is none: it may be
    our own word, the answer to which was lost, too."""
    store, what = engine.own.store, "asking what became of a job"
    record = insist(lambda: store.get(run.lease.id), give_up, what)
    if record is None or record.attempt != run.lease.attempt:
        return False
    return record.status == SUCCESSFUL


def _call(hooks: Sequence[Callable[[], object]], engine: Engine, run: Run, give_up: GiveUp) -> None:
    """Call what was to follow the commit. Nothing that one does keeps another from being called,
    or ends the worker: their errors are logged, and the first is remembered on the job."""
    first: BaseException | None = None
    for hook in hooks:
        try:
            hook()
        except BaseException as error:
            name = getattr(hook, "__qualname__", hook)
            logger.exception("job %s: committed, but then its hook %s failed", run.lease.id, name)
            first = first or error
    if first is None:
        return
    run.error = first
    told = Error.of(first, run.lease.attempt)
    remark = f"committed, then a hook failed: {told.exception_class_path}: {told.message}"[:MOST]
    insist(lambda: engine.own.store.remark(run.lease.id, remark), give_up, "noting a hook")
