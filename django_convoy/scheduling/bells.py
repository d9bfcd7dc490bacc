"""How a change of a schedule reaches every steward that sleeps until the next firing.

On SQLite all stewards are on this host, and sit beside the database file. Where a listener hears
for its tree (PostgreSQL), the change is announced to it. Elsewhere stewards look more than once a
second.
"""

import contextlib
import os
import select
from functools import partial

from django_convoy.contracts.broker import Broker
from django_convoy.contracts.listener import SCHEDULES, Announcement, Announcing
from django_convoy.db.seats import STEWARDS, Seats, seats_in
from django_convoy.db.session import Session

UNHEARD = 0.7
"""Seconds between two looks of a steward whom nobody tells of changes: they take effect within
a second, with what a look itself takes."""
HEARD = 15.0
"""Seconds between two looks of one who is told: a net, and for clocks that step."""


def tell(tables: Session, broker: Broker) -> None:
    """Wake all stewards, once what was written can be seen."""
    seats = seats_in(tables.folder())
    if seats is not None:
        tables.after_commit(partial(_ring, seats))
    elif isinstance(broker, Announcing) and broker.tells_of_schedules:
        broker.announce(Announcement(SCHEDULES, 0))


def _ring(seats: Seats) -> None:
    seats.ring(STEWARDS, len(STEWARDS))


class Bell:
    """Where one steward's thread sleeps. heard: whether a listener tells it of changes."""

    def __init__(self, tables: Session) -> None:
        self._tables = tables
        self._ends: tuple[int, int] | None = None
        self._seat: int | None = None
        self.heard = False

    def open(self) -> None:
        """Sit down, where there are seats."""
        self._ends = os.pipe()
        for end in self._ends:
            os.set_blocking(end, False)
        seats = seats_in(self._tables.folder())
        if seats is not None:
            self._seat = seats.take(STEWARDS)

    def attend(self) -> None:
        """Ask to be woken from now on. Look once more after this, then `sleep`."""
        seats = seats_in(self._tables.folder())
        if seats is not None and self._seat is not None:
            seats.listen(self._seat)

    @property
    def longest(self) -> float:
        """The most seconds to sleep."""
        return HEARD if self.heard or self._seat is not None else UNHEARD

    def sleep(self, seconds: float) -> None:
        """Sleep until woken, at most `seconds`."""
        if self._ends is None:
            return
        seats = seats_in(self._tables.folder())
        sources = [self._ends[0]]
        if seats is not None and self._seat is not None:
            sources.append(seats.bell(self._seat))
        select.select(sources, [], [], max(0.0, seconds))
        with contextlib.suppress(BlockingIOError):
            os.read(self._ends[0], 4096)
        if seats is not None and self._seat is not None:
            seats.silence(self._seat)

    def ring(self) -> None:
        """Wake it, from another thread."""
        if self._ends is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._ends[1], b"!")

    def close(self) -> None:
        """Stand up."""
        seats = seats_in(self._tables.folder())
        if seats is not None and self._seat is not None:
            seats.leave(self._seat)
        self._seat = None
        ends, self._ends = self._ends, None
        for end in ends or ():
            os.close(end)
