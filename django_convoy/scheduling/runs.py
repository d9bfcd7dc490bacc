"""Whether the job of a firing is over, and what became of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django_convoy.contracts.broker import Browsable
from django_convoy.contracts.store import Retention
from django_convoy.domain import clock
from django_convoy.domain.errors import ConfigurationError
from django_convoy.scheduling.site import Pair
from django_convoy.scheduling.table import Fired

GONE = "gone"


@dataclass(frozen=True, slots=True)
class Run:
    """One line of a schedule's history.

    outcome: "skipped", the state of its live job, the status of its finished one, or "gone".
    late: from the intended time to the enqueue. started_after: from there to its last start.
    """

    intended_at: datetime
    fired_at: datetime
    job_id: str
    note: str
    outcome: str
    late: timedelta
    started_after: timedelta | None


def is_over(pair: Pair, retention: Retention, job_id: str) -> bool:
    """Return whether a job has ended. Raises BrokerUnavailable."""
    held = None if pair.view is None else pair.view.find(job_id)
    if held is not None:
        return held.state == "buried"
    if isinstance(pair.broker, Browsable) or pair.store.get(job_id) is not None:
        return True
    # Its record may be forgotten by now.
    kept = retention.successes
    return kept is not None and clock.now() - _born(job_id) > kept


def check_overlap(pair: Pair) -> None:
    """Raise ConfigurationError where nobody can tell whether a job is over."""
    if not isinstance(pair.broker, Browsable) and not pair.store.durable:
        raise ConfigurationError(
            "overlap needs to know whether the last run is over, and "
            f"{type(pair.broker).__name__} cannot look up its jobs: keep results in a database, "
            'store: "database"'
        )


def run_of(pair: Pair, fired: Fired) -> Run:
    """Return what became of a firing."""
    outcome, started = "skipped", None
    if fired.job_id:
        held = None if pair.view is None else pair.view.find(fired.job_id)
        if held is not None:
            outcome, started = held.state, held.started_at
        else:
            record = pair.store.get(fired.job_id)
            outcome = GONE if record is None else record.status
            started = None if record is None else record.started_at
    return Run(
        fired.intended_at,
        fired.fired_at,
        fired.job_id,
        fired.note,
        outcome,
        fired.fired_at - fired.intended_at,
        None if started is None else started - fired.fired_at,
    )


def _born(job_id: str) -> datetime:
    """Return when an id was made; it begins with the milliseconds."""
    return datetime.fromtimestamp(int(job_id[:12], 16) / 1000, clock.now().tzinfo)
