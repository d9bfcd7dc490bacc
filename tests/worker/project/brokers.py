"""Brokers that can do less than the database's."""

from datetime import timedelta
from typing import Any

from django_convoy.brokers.database import DatabaseBroker
from django_convoy.db.session import PrivateSession
from django_convoy.domain.capabilities import Capabilities


class Elsewhere(DatabaseBroker):
    """In a database whose transactions nobody joins. max_delay: the seconds it can hold a job."""

    def __init__(self, alias: str = "other", **limits: Any) -> None:
        super().__init__(PrivateSession(alias))
        if "max_delay" in limits:
            limits["max_delay"] = timedelta(seconds=limits["max_delay"])
        self.capabilities = Capabilities(**limits)
