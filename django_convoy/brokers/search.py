"""What one `claim` asks for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class Search:
    """The arguments of `Broker.claim`, without how long it may wait."""

    queues: Iterable[str]
    limit: int
    lease: float
    worker: str
    may_suspect: Callable[[], bool]

    def no_suspect(self) -> None:
        """Say that none was left for the right that `may_suspect` gave: it must not be kept
        through a sleep, while others find some."""
        if (give_back := getattr(self.may_suspect, "give_back", None)) is not None:
            give_back()
