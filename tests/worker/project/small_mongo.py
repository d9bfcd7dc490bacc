"""MongoDB with the limits of a test."""

from dataclasses import replace
from typing import Any

from django_convoy.brokers.mongodb import MongoBroker


class SmallMongo(MongoBroker):
    """Takes a megabyte only."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.capabilities = replace(self.capabilities, max_body=2**20)
