"""How work that others bring is heard of, where a broker can tell."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

SCHEDULES = "*schedules"
"""Instead of a queue: a schedule was changed. No queue can be called so."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """Somebody brought work.

    queue: its full name; empty for any. count: jobs that are ready now; 0: something was
    delayed, and may fall due earlier than all before it.
    """

    queue: str
    count: int


class Listener(ABC):
    """A connection on which announcements arrive. Any verb may raise BrokerUnavailable: then it
    is of no use any more."""

    @abstractmethod
    def attend(self, wanted: bool) -> None:
        """Ask to be told of all that is brought from now on, or ask for that no longer.

        While nobody asks, nobody announces: those who enqueue are spared the cost.
        """

    @abstractmethod
    def wait(self, seconds: float, bell: int) -> Sequence[Announcement]:
        """Wait for announcements, or until the descriptor `bell` can be read."""

    @abstractmethod
    def next_due(self) -> float | None:
        """Return the seconds until a delayed job falls due or a lease lapses, if any will."""

    @abstractmethod
    def close(self) -> None:
        """Hear no more."""


class Announcing(ABC):
    """Optional role of a broker: one process of a tree listens, and wakes the others.

    tells_of_schedules: `announce` works, and its listeners hear of changed schedules.
    """

    tells_of_schedules: ClassVar[bool] = False

    @abstractmethod
    def listen(self) -> Listener | None:
        """Open a listener; None where this site has none. Raises BrokerUnavailable."""

    @abstractmethod
    def use_bells(self, folder: str) -> None:
        """Sleep in this folder of a tree, where its listener wakes whoever waits in a claim."""

    def announce(self, announcement: Announcement) -> None:
        """Tell all listeners of something, once what was written can be seen."""
        raise NotImplementedError
