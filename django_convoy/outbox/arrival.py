"""Whether a job that may have been sent came where it was to go: who sends again asks first."""

from django_convoy.contracts.broker import Broker, Browsable
from django_convoy.contracts.store import Store


def has_arrived(broker: Broker, store: Store, job_id: str) -> bool:
    """Return whether the broker has the job, or it is over. Raises BrokerUnavailable."""
    if isinstance(broker, Browsable) and broker.find(job_id) is not None:
        return True
    return store.get(job_id) is not None
