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
