"""From what happened to what the broker and the store are told; the same for the dead."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from django_convoy.contracts.store import CANCELLED, FAILED, QUARANTINED, SUCCESSFUL, Record
from django_convoy.domain.envelope import Lease, Note
from django_convoy.domain.options import DEFAULTS, JobOptions
from django_convoy.domain.outcome import (
    Cancelled,
    Error,
    Failed,
    Interrupted,
    Outcome,
    Quarantined,
    Released,
    Retry,
    Succeeded,
)
from django_convoy.domain.verdict import DONE, Again, Bury, Verdict


@dataclass(slots=True)
class Conclusion:
    """One job's end: what the broker is told, and what the store keeps, if anything."""

    lease: Lease
    verdict: Verdict
    record: Record | None


def conclude(
    lease: Lease,
    outcome: Outcome,
    *,
    worker: str,
    started_at: datetime | None,
    finished_at: datetime,
    options: JobOptions = DEFAULTS,
    durable: bool = True,
) -> Conclusion:
    """Return what follows from an outcome.

    durable: the store keeps failures; where it does not, the broker sets them aside.
    """
    note = lease.note
    if isinstance(outcome, Succeeded):
        return _over(
            lease,
            SUCCESSFUL,
            note,
            outcome.result,
            worker,
            started_at,
            finished_at,
            options,
            durable,
        )
    after = note if started_at is None else _after_run(note, worker, started_at)

    def over(status: str, error: Error, crash: bool = False) -> Conclusion:
        return _over(
            lease,
            status,
            _failed(replace(note, crashes=note.crashes + crash), error),
            None,
            worker,
            started_at,
            finished_at,
            options,
            durable,
        )

    def again(delay: float, note: Note, *, refund: bool = False) -> Conclusion:
        return Conclusion(lease, Again(delay, refund, note), None)

    match outcome:
        case Failed(error):
            return over(FAILED, error)
        case Cancelled(error):
            return over(CANCELLED, error)
        case Quarantined(reason, kind, crash):
            path, at = f"django_convoy.domain.errors.{kind}", finished_at.isoformat()
            return over(QUARANTINED, Error(path, reason, "", lease.attempt, at), crash)
        case Retry(error, delay):
            return again(delay, _failed(after, error))
        case Released(reason, delay):
            waits = replace(note, waiting=reason, releases=note.releases + 1) if reason else note
            return again(delay, waits, refund=True)
        case Interrupted(reason, delay, crash, suspect):
            crashes = after.crashes + crash
            ended = replace(after, ended=reason, crashes=crashes, suspect=suspect, waiting="")
            return again(delay, ended)
        case _:
            assert_never(outcome)


def _over(
    lease: Lease,
    status: str,
    note: Note,
    result: str | None,
    worker: str,
    started_at: datetime | None,
    finished_at: datetime,
    options: JobOptions,
    durable: bool,
) -> Conclusion:
    ran = started_at is not None
    verdict: Verdict = DONE
    if not durable and status != SUCCESSFUL:
        verdict = Bury(_after_run(note, worker, started_at) if started_at is not None else note)
    record = Record(
        lease.envelope,
        status,
        lease.attempt,
        note,
        result,
        started_at,
        finished_at,
        options.keep,
        worker if ran else "",
    )
    return Conclusion(lease, verdict, record)


def _after_run(note: Note, worker: str, started_at: datetime) -> Note:
    """Remember, for the runs to come, that the job was run."""
    first = note.started_at or started_at.isoformat()
    return replace(note, workers=(*note.workers, worker), started_at=first, releases=0)


def _failed(note: Note, error: Error) -> Note:
    return replace(
        note,
        errors=(*note.errors, error.to_json()),
        failures=note.failures + 1,
        ended=f"{error.exception_class_path}: {error.message}"[:300],
        waiting="",
    )
