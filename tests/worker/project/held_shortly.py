"""A broker whose longest lease is short enough for a test."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django_convoy.brokers.sqs import SqsBroker


class HoldsShortly(SqsBroker):
    """As if a job could be held for three seconds rather than for twelve hours."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.capabilities = replace(self.capabilities, longest_lease=timedelta(seconds=3))
