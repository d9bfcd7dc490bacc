"""Brokers of sites: in another database, or with the limits of a test."""

from datetime import timedelta
from typing import Any

from django_convoy.brokers.database import DatabaseBroker
from django_convoy.brokers.ironmq import IronMQBroker
from django_convoy.db.session import PrivateSession, Session
from django_convoy.domain.capabilities import Capabilities


class Elsewhere(DatabaseBroker):
    """In a database whose transactions nobody joins. max_delay: the seconds it can hold a job."""

    def __init__(self, session: Session, **limits: Any) -> None:
        super().__init__(PrivateSession("other"))
        if "max_delay" in limits:
            limits["max_delay"] = timedelta(seconds=limits["max_delay"])
        self.capabilities = Capabilities(**limits)


class ImpatientIronMQ(IronMQBroker):
    """Takes leases of a few seconds, as the tests' server gives them."""

    shortest_lease = 1
