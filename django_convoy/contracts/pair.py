"""A broker and a store, as the composition root puts them together."""

from typing import Protocol

from django_convoy.contracts.broker import Broker
from django_convoy.contracts.store import Store


class Pair(Protocol):
    """A broker and a store that may share a transaction."""

    @property
    def broker(self) -> Broker:
        """Where jobs wait, and who delivers them."""

    @property
    def store(self) -> Store:
        """Keeps results."""

    @property
    def together(self) -> bool:
        """Whether recording and settling can be one transaction."""

    def close(self) -> None:
        """Give back connections."""
