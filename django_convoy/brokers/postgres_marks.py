"""Where a walk through an index may begin.

A long transaction elsewhere keeps the entries of deleted rows in every index, and who begins at
the start walks over all of them, each time. So what was walked over is remembered; the start is
looked at again now and then, for what came late: rows that others gave back, or that were
committed late.
"""

import time
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K")
PERIOD = 1.0
"""Seconds between two walks from the start, if they are short."""
SHARE = 20
"""They take at most one part in so many of a worker's time."""

CHEAP = 0.1
"""Seconds of a walk that is not worth saving."""


@dataclass(slots=True)
class Mark(Generic[K]):
    """A key of an index below which there was nothing alive when it was set. None: unknown."""

    key: K | None = None
    _walked_at: float = 0.0
    _cost: float = 0.0

    def holds(self) -> bool:
        """Return whether a walk may begin at the key."""
        rest = max(PERIOD, SHARE * self._cost)
        return self.key is not None and time.monotonic() < self._walked_at + rest

    def may_walk(self) -> bool:
        """Return whether a walk from the start is affordable already."""
        return time.monotonic() >= self._walked_at + SHARE * self._cost

    def walked(self, seconds: float) -> None:
        """Note how long a walk from the start took."""
        self._walked_at = time.monotonic()
        self._cost = seconds if seconds > CHEAP else 0.0
