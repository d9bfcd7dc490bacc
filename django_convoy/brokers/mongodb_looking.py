"""Where MongoDB tells of nothing (a server alone, or `watch=False`): one process of a tree looks
for all of its workers, at short intervals at first, then once a second."""

import select
import time
from collections.abc import Sequence

from django_convoy.brokers.database_idling import FASTEST_POLL, POLL
from django_convoy.brokers.mongodb_connection import Connection
from django_convoy.brokers.mongodb_sweep import Sweep, due_queues, queues_in
from django_convoy.contracts.listener import Announcement, Listener
from django_convoy.db.seats import WORKERS


class MongoLooker(Listener):
    """Asks the question that each idle worker would ask, and tells what it found."""

    def __init__(self, server: Connection) -> None:
        self._server = server
        self._sweep = Sweep()
        self._attends = False
        self._pause = FASTEST_POLL
        self._look_at = 0.0
        self._found: Sequence[str] = ()

    def attend(self, wanted: bool) -> None:
        """Look from now on, or no longer."""
        self._attends = wanted
        self._pause, self._look_at = FASTEST_POLL, time.monotonic()

    def wait(self, seconds: float, bell: int) -> Sequence[Announcement]:
        """Wait for the bell, or until it is time to look."""
        if self._attends:
            seconds = min(seconds, self._look_at - time.monotonic())
        select.select([bell], [], [], max(0.0, seconds))
        if not self._attends or time.monotonic() < self._look_at:
            return []
        found = self._look()
        # What stays although we told of it is not for this tree: it is no reason to hurry.
        fresh = found and found != self._found
        self._found = found
        self._pause = FASTEST_POLL if fresh else min(self._pause * 1.5, POLL)
        due = self._sweep.remembered()
        self._look_at = time.monotonic() + min(self._pause, self._pause if due is None else due)
        return [Announcement(queue, len(WORKERS)) for queue in found]

    def _look(self) -> Sequence[str]:
        with self._server.jobs() as jobs:
            if self._sweep.is_calm(jobs):
                return []
            ready, suspects = queues_in(jobs, "ready"), queues_in(jobs, "suspect")
            return sorted({*ready, *suspects, *due_queues(jobs)})

    def next_due(self) -> float | None:
        """Return None: a look tells what fell due, and comes in time for it."""
        return None

    def close(self) -> None:
        """Look no more."""
        self._attends = False
