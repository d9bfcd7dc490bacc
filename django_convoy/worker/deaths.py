"""Settles what a dead worker held: the same code as for the living, and only the guilty pay."""

import contextlib
import logging
import signal
from dataclasses import replace

from django_convoy.contracts.broker import Browsable
from django_convoy.core.execution import Run, prepare
from django_convoy.core.retry import Death, after_death, after_error
from django_convoy.core.settling import Conclusion, conclude
from django_convoy.domain import clock
from django_convoy.domain.envelope import NO_NOTE, Lease
from django_convoy.domain.errors import (
    BrokerUnavailable,
    InvalidOption,
    PayloadError,
    TimeoutExceeded,
)
from django_convoy.domain.ids import worker_name
from django_convoy.domain.options import DEFAULTS, JobOptions
from django_convoy.domain.outcome import Outcome, Released
from django_convoy.signals import worker_died
from django_convoy.worker.board import Region
from django_convoy.worker.engine import Engine
from django_convoy.worker.layout import (
    BROKEN,
    ENDED,
    HELD,
    LOST_LEASE,
    OVERDUE,
    RUNNING,
    SETTLED,
    STOPPED,
    Slot,
)
from django_convoy.worker.ledger import record, settle
from django_convoy.worker.parcel import UNREADABLE, unpack_lease
from django_convoy.worker.watch import ended

logger = logging.getLogger("django_convoy.steward")


def describe(status: int) -> str:
    """Return in words how a process ended, from the status of `os.waitpid`."""
    number = status & 0x7F
    if number:
        try:
            return f"killed by {signal.Signals(number).name}"
        except ValueError:
            return f"killed by signal {number}"
    return f"exited with status {status >> 8}"


def settle_dead(engine: Engine, region: Region) -> None:
    """Settle all that a dead worker held, and free its region. Raises BrokerUnavailable."""
    slots = region.slots()
    reason, doomed = region.doomed
    running = [slot for slot in slots if slot.state == RUNNING]
    conclusions = []
    # Also what was taken back: whoever took it may have died before it was settled.
    for slot in slots:
        if slot.state == ENDED:
            finished = ended(slot)
            conclusions += [] if finished is None else [finished]
            continue
        try:
            lease, complete = unpack_lease(slot.lease, slot.token)
        except UNREADABLE:
            continue  # its lease will lapse
        if not complete:
            _complete(engine, lease)
        if slot.state == HELD:
            conclusions.append(_conclude(engine, region, lease, Released("", 0.0), DEFAULTS, None))
        elif slot.state == RUNNING:
            overdue = reason == OVERDUE and slot.index == doomed
            ran = _ran(engine, region, lease, slot, overdue, len(running))
            conclusions.append(ran)
            if slot.flags & SETTLED:
                record(engine.own, ran)  # no lease is left that could be held
    if conclusions:
        _settle(engine, conclusions)
    if running or region.exit_status:
        why = _why(region, reason)
        held = "1 job" if len(running) == 1 else f"{len(running)} jobs"
        if reason != BROKEN:  # it has said so itself
            logger.warning("worker %s (pid %d) %s, with %s", region.boot, region.pid, why, held)
        worker_died.send_robust(sender=None, worker=worker_name(region.boot), reason=why)
    region.board.end_probation(region.index)
    region.free()


def _settle(engine: Engine, conclusions: list[Conclusion]) -> None:
    try:
        settle(engine.own, conclusions)
    except BrokerUnavailable:
        raise
    except Exception:  # one that cannot be stored must not hold up the others, nor us
        logger.exception("what a dead worker held could not be settled at once")
        for conclusion in conclusions:
            try:
                settle(engine.own, [conclusion])
            except BrokerUnavailable:
                raise
            except Exception:
                logger.exception("job %s: its lease will lapse", conclusion.lease.id)


def _why(region: Region, reason: int) -> str:
    words = {
        OVERDUE: "was killed because a job was past its timeout and grace",
        STOPPED: "was killed because it was to stop",
        LOST_LEASE: "was killed because the lease of its job was lost",
        BROKEN: "left because a task had closed its file descriptors",
    }
    return words.get(reason) or describe(region.exit_status)


def _complete(engine: Engine, lease: Lease) -> None:
    """Read again what was too long for the board."""
    if isinstance(engine.own.broker, Browsable):
        found = engine.own.broker.find(lease.id)
        if found is not None:
            lease.envelope, lease.note = found.envelope, found.note


def options_of(engine: Engine, lease: Lease) -> JobOptions:
    """Return the job's options, as far as this process can tell. Raises BrokerUnavailable."""
    unburdened = replace(lease, note=NO_NOTE)
    if (spill := engine.own.spill) is not None:
        with contextlib.suppress(PayloadError):  # who is cut off must not guess
            unburdened.envelope = spill.whole(lease.envelope)
    try:
        run = prepare(unburdened, engine.codec, engine.find)
    except InvalidOption:
        return DEFAULTS
    return run.options if isinstance(run, Run) else DEFAULTS


def _ran(
    engine: Engine, region: Region, lease: Lease, slot: Slot, overdue: bool, running: int
) -> Conclusion:
    options = options_of(engine, lease)
    outcome: Outcome
    longest = engine.own.broker.capabilities.longest_lease
    if overdue and longest is not None and _took_all(slot, longest.total_seconds()):
        error = TimeoutExceeded(
            f"ran for as long as its broker can hold a job ({longest}), and its process was "
            "killed: split it into parts, or give it to a backend with another broker"
        )
        outcome = after_error(lease, options, error)
    elif overdue:
        error = TimeoutExceeded(
            f"ran longer than its timeout of {options.timeout:g} s, and did not end within "
            f"{options.grace:g} s more: its process was killed"
            if options.timeout is not None
            else "ran longer than its timeout, and its process was killed"
        )
        outcome = after_error(lease, options, error)
    else:
        reason, doomed = region.doomed
        known = reason in (OVERDUE, STOPPED, LOST_LEASE, BROKEN)
        death = Death(
            f"the worker {_why(region, reason)} while it ran",
            guilty=slot.index == doomed if reason == BROKEN else not known and running == 1,
            suspect=not known and running > 1,
        )
        outcome = after_death(lease, options, death)
    return _conclude(engine, region, lease, outcome, options, slot)


def _took_all(slot: Slot, longest: float) -> bool:
    """Return whether its deadline was the end of the longest lease."""
    return slot.deadline - slot.claimed >= longest - 0.001


def _conclude(
    engine: Engine,
    region: Region,
    lease: Lease,
    outcome: Outcome,
    options: JobOptions,
    slot: Slot | None,
) -> Conclusion:
    now = clock.now()
    return conclude(
        lease,
        outcome,
        worker=worker_name(region.boot),
        started_at=None if slot is None else clock.past(slot.started),
        finished_at=now,
        options=options,
        durable=engine.own.store.durable,
    )
