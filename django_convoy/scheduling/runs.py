"""Whether the job of a firing is over, and what became of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django_convoy.contracts.broker import Broker, Browsable
from django_convoy.contracts.store import Retention, Store
from django_convoy.domain import clock
from django_convoy.domain.errors import ConfigurationError
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


def is_over(broker: Broker, store: Store, retention: Retention, job_id: str) -> bool:
    """Return whether a job has ended. Raises BrokerUnavailable."""
    if isinstance(broker, Browsable):
        held = broker.find(job_id)
        return held is None or held.state == "buried"
    if store.get(job_id) is not None:
        return True
    # Its record may be forgotten by now.
    kept = retention.successes
    return kept is not None and clock.now() - _born(job_id) > kept


def check_overlap(broker: Broker, store: Store) -> None:
    """Raise ConfigurationError where nobody can tell whether a job is over."""
    if not isinstance(broker, Browsable) and not store.durable:
        raise ConfigurationError(
            f"overlap needs to know whether the last run is over, and {type(broker).__name__} "
            'cannot look up its jobs: keep results in a database, store: "database"'
        )


def run_of(broker: Broker, store: Store, fired: Fired) -> Run:
    """Return what became of a firing."""
    outcome, started = "skipped", None
    if fired.job_id:
        held = broker.find(fired.job_id) if isinstance(broker, Browsable) else None
        if held is not None:
            outcome, started = held.state, held.started_at
        else:
            record = store.get(fired.job_id)
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
