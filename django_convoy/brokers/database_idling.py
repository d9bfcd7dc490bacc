"""How a claim that found nothing sleeps, and what wakes it.

Where processes share a folder (SQLite, or a tree with a listener), they are woken; elsewhere they
look, ever less often.
"""

import os
import random
import select
import socket
import time
from collections.abc import Callable

from django_convoy.db.seats import LISTENER, WORKERS, Seats, seats_in
from django_convoy.domain.envelope import Lease

POLL = 1.0
"""Seconds between two looks of an idle worker; where it can be woken, the net under that."""
FASTEST_POLL = 0.02
"""Seconds between the first looks of an idle worker that cannot be woken; then less often."""
ATTENDED_POLL = 30.0
"""Seconds between two looks of one that a listener promised to wake, spread by half."""


class Idling:
    """One claimer's place to sleep. Its seat also tells others that its process is alive.

    folder: where its seat is, asked anew after a fork; None: it cannot be woken.
    """

    def __init__(self, folder: Callable[[], str | None]) -> None:
        self._folder = folder
        self._seat: int | None = None
        self._bell: tuple[socket.socket, socket.socket] | None = None
        self._interrupted = False
        self.attended = False
        """Whether this look follows a sleep from which a listener was to wake us."""
        self._pid = 0
        self._known: Seats | None = None

    def _seats(self) -> Seats | None:
        pid = os.getpid()
        if self._pid != pid:
            self._pid, self._known = pid, seats_in(self._folder())
        return self._known

    def name(self) -> str:
        """Sit down among this host's processes; return what `lives` knows them by, or ""."""
        seats = self._seats()
        if seats is None:
            return ""
        if self._seat is None:
            self._seat = seats.take(WORKERS)
        return "" if self._seat is None else seats.name(self._seat)

    def lives(self, name: str) -> bool:
        """Return whether the process of that name is known to be alive."""
        seats = self._seats()
        return seats is not None and seats.sits(name)

    def until(
        self, look: Callable[[], list[Lease]], due: Callable[[], float | None], seconds: float
    ) -> list[Lease]:
        """Look until there is something, `seconds` are over, or somebody interrupts.

        due: returns the seconds until something falls due, if anything will.
        """
        deadline = time.monotonic() + seconds
        self.name()
        pause = FASTEST_POLL if self._seat is None else POLL
        try:
            while True:
                self._listen(seconds > 0)  # before the look, so that nothing slips between
                found = look()
                left = deadline - time.monotonic()
                if found or left <= 0 or self._is_interrupted():
                    return found
                self._sleep(min(left, self._rest(pause, due)))
                if self._is_interrupted():
                    return []
                pause = min(pause * 1.5, POLL)
        finally:
            self._interrupted = self.attended = False
            self._listen(False)

    def _rest(self, pause: float, due: Callable[[], float | None]) -> float:
        """Return how long to sleep, unless woken."""
        seats = self._seats()
        if seats is not None and self._seat is not None:
            self.attended = seats.attended
            if self.attended:
                return ATTENDED_POLL * random.uniform(0.5, 1.0)  # noqa: S311 - spread
            seats.ring(LISTENER, 1)  # if there is one, it attends from now on
        # What is due already and was not to be had is held by somebody for a moment.
        return min(pause, due() or pause)

    def _is_interrupted(self) -> bool:
        return self._interrupted

    def _listen(self, wanted: bool) -> None:
        seats = self._seats()
        if seats is not None and self._seat is not None:
            seats.listen(self._seat, wanted)
        elif wanted and self._bell is None:
            self._bell = socket.socketpair()
            for end in self._bell:
                end.setblocking(False)

    def _sleep(self, seconds: float) -> None:
        seats = self._seats()
        if seats is not None and self._seat is not None:
            seats.sleep(self._seat, seconds)
        elif self._bell is not None and select.select([self._bell[0]], [], [], seconds)[0]:
            self._bell[0].recv(4096)

    def interrupt(self) -> None:
        """End `until` in another thread, or from a signal handler; else the next one."""
        self._interrupted = True
        seats = self._seats()
        if seats is not None and self._seat is not None:
            seats.wake(self._seat)
        elif self._bell is not None:
            self._bell[1].send(b"!")

    def wake(self, count: int) -> int:
        """Wake up to `count` idle workers that share the folder; return how many were."""
        seats = self._seats()
        return 0 if seats is None else seats.ring(WORKERS, count)

    def wake_listener(self) -> None:
        """Have the listener look when something falls due."""
        seats = self._seats()
        if seats is not None:
            seats.ring(LISTENER, 1)

    def close(self) -> None:
        """Stand up."""
        seats = self._seats()
        if self._seat is not None and seats is not None:
            seats.leave(self._seat)
        self._seat = None
        for end in self._bell or ():
            end.close()
        self._bell = None
