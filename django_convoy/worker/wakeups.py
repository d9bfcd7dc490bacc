"""Wakes the idle workers of a tree: for what is announced, and for what falls due.

A thread of the steward with one connection, so that none of the workers has to look by itself.
While it listens, idle workers sleep for long; when it cannot, they look each second.
"""

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from functools import lru_cache

from django_convoy.contracts.listener import SCHEDULES, Announcement, Announcing, Listener
from django_convoy.db.seats import LISTENER, WORKERS, Seats, seats_in
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.worker.engine import Engine, Service
from django_convoy.worker.plan import Plan

logger = logging.getLogger("django_convoy.steward")
LONGEST_WAIT = 60.0
SOON = 0.05
"""Seconds after which those who fell asleep just before we attended look once more: somebody may
have asked whether to announce before, and committed after."""
DUE_PAUSE = 0.05
"""The least seconds between two questions for what is due."""
BUSY = 0.1
"""Seconds of attending in vain, with everybody at work, before we attend no longer."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


class Wakeups:
    """Listens for one tree, where its broker can tell of new work."""

    def __init__(self, engine: Engine, plan: Plan, services: Sequence[Service] = ()) -> None:
        self._services = services
        self._broker = engine.own.broker
        self._lanes = engine.lanes
        self._bells = plan.bells
        self._period = plan.lease / 3
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wakeups", daemon=True)

    def start(self) -> None:
        """Begin."""
        if self._bells and isinstance(self._broker, Announcing):
            self._thread.start()

    def stop(self) -> None:
        """End, within a moment."""
        self._leaving.set()
        if self._thread.ident is None:
            return
        seats = seats_in(self._bells)
        if seats is not None:
            seats.ring(LISTENER, 1)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        assert isinstance(self._broker, Announcing)  # noqa: S101 - as `start` saw
        seats = seats_in(self._bells)
        if seats is None:
            return  # nobody can be woken: workers look each second
        while (seat := seats.take(LISTENER)) is None:  # the steward before us is leaving
            if self._leaving.wait(0.2):
                return
        seats.attended = False  # whatever a steward that was killed had promised
        pause = 0.0
        try:
            while not self._leaving.is_set():
                try:
                    listener = self._broker.listen()
                    if listener is None:
                        return
                    if pause:
                        logger.warning("listening for announcements again")
                    pause = 0.0
                    try:
                        self._hear(self._broker.tells_of_schedules)
                        _Watch(
                            listener, seats, seat, self._lanes.serve, self._period, self._changed
                        ).attend(self._leaving)
                    finally:
                        self._hear(False)
                        listener.close()
                except BrokerUnavailable as error:
                    if not pause:
                        logger.warning("%s; meanwhile workers look each second", error)
                    pause = min(max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
                    self._leaving.wait(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spread
                finally:
                    seats.attended = False
                    seats.ring(WORKERS, len(WORKERS))  # they must not sleep on, unattended
        finally:
            seats.leave(seat)

    def _hear(self, heard: bool) -> None:
        for one in self._services:
            one.hear(heard)

    def _changed(self) -> None:
        for one in self._services:
            one.wake()


class _Watch:
    """One listener's life.

    changed: called when somebody changed a schedule. serves: whether the tree takes jobs of a
    queue. period: the most seconds between two
    questions for what is due; leases that others took may lapse, and are not announced.
    """

    def __init__(
        self,
        listener: Listener,
        seats: Seats,
        seat: int,
        serves: Callable[[str], bool],
        period: float,
        changed: Callable[[], None],
    ) -> None:
        self._listener = listener
        self._seats = seats
        self._seat = seat
        self._serves = lru_cache(serves)
        self._period = period
        self._changed = changed
        self._since = 0.0
        """Since when we attend."""
        self._look_at = math.inf
        """When those asleep are to look once more."""
        self._due_at = math.inf
        """When to ask what is due."""

    def attend(self, leaving: threading.Event) -> None:
        """Wake whoever there is work for, until told to leave. Raises BrokerUnavailable."""
        seats = self._seats
        while not leaving.is_set():
            # Before we look whether anybody sleeps: who falls asleep after that rings.
            seats.listen(self._seat)
            if not seats.attended and seats.asleep(WORKERS):
                self._promise()
            self._keep_times()
            rest = min(self._look_at, self._due_at) - time.monotonic()
            heard = self._listener.wait(max(0.0, min(rest, LONGEST_WAIT)), seats.bell(self._seat))
            self._hear(heard)
            if seats.silence(self._seat):
                self._due_at = 0.0  # a worker put something off

    def _promise(self) -> None:
        """Attend from now on; what came meanwhile, those asleep have to find themselves."""
        self._listener.attend(True)
        self._seats.attended = True
        self._since = time.monotonic()
        self._look_at, self._due_at = self._since + SOON, 0.0
        self._seats.ring(WORKERS, len(WORKERS))

    def _keep_times(self) -> None:
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = math.inf
            self._seats.ring(WORKERS, len(WORKERS))
        if now >= self._due_at and self._seats.attended:
            due = self._listener.next_due()
            self._due_at = now + max(DUE_PAUSE, min(self._period, math.inf if due is None else due))
            if due is not None and due <= 0 and not self._seats.ring(WORKERS, 1):
                self._leave_alone()

    def _hear(self, heard: Sequence[Announcement]) -> None:
        woken = ours = 0
        for one in heard:
            if one.queue == SCHEDULES:
                self._changed()
            elif not one.count:
                self._due_at = 0.0
            elif not one.queue or self._serves(one.queue):
                ours += 1
                woken += self._seats.ring(WORKERS, one.count)
        if ours and not woken:
            self._leave_alone()

    def _leave_alone(self) -> None:
        """Attend no longer while everybody is at work: announcing is not free."""
        seats = self._seats
        if not seats.attended or time.monotonic() < self._since + BUSY:
            return
        seats.attended = False
        if seats.asleep(WORKERS):  # just now
            seats.attended = True
            return
        self._listener.attend(False)
        self._look_at = self._due_at = math.inf
