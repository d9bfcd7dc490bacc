"""Announcements on PostgreSQL: LISTEN, and a lock that says whether anybody wants them.

NOTIFY makes commits wait for each other, so it is sent after the commit, and only while some
listener holds the lock below shared: whoever enqueues tries to take it, which costs about a
microsecond inside a statement that is sent anyway.
"""

import select
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from psycopg import Connection, Cursor, InterfaceError, OperationalError

from django_convoy.contracts.listener import Announcement, Listener
from django_convoy.domain.errors import BrokerUnavailable

CHANNEL = "convoy_jobs"
LOCK = "1131376761, 1"
"""Two keys of an advisory lock; the first is "Convy" read as a number."""
IS_WANTED = (
    f"NOT CASE WHEN pg_try_advisory_lock({LOCK}) THEN pg_advisory_unlock({LOCK}) ELSE false END"
)
NOTIFY_NOW_IF_WANTED = f"CASE WHEN {IS_WANTED} THEN pg_notify('{CHANNEL}', %s) IS NULL END"
NOTIFY = f"SELECT pg_notify('{CHANNEL}', %s)"
NOTIFY_IF_WANTED = f"SELECT pg_notify('{CHANNEL}', %s) WHERE {IS_WANTED}"


def payload(announcement: Announcement) -> str:
    """Return what NOTIFY carries."""
    return f"{announcement.count} {announcement.queue}"


@lru_cache
def _read(text: bytes) -> Announcement:
    count, _, queue = text.decode().partition(" ")
    return Announcement(queue, int(count) if count.isdigit() else 1)


class PostgresListener(Listener):
    """One connection, outside of poolers and transactions."""

    def __init__(self, driver: "Connection[Any]", due: Callable[["Cursor[Any]"], float | None]):
        self._driver = driver
        self._due = due
        self._heard: list[Announcement] = []
        self._wanted = False
        driver.add_notify_handler(lambda one: self._heard.append(_read(one.payload.encode())))
        self._execute(f"LISTEN {CHANNEL}")
        self._poll = select.poll()
        self._poll.register(driver.fileno(), select.POLLIN)

    def _execute(self, sql: str) -> None:
        try:
            Cursor(self._driver).execute(sql, prepare=False)
        except (OperationalError, InterfaceError) as error:
            raise BrokerUnavailable(f"listening: {error}") from error

    def attend(self, wanted: bool) -> None:
        """Hold the lock, or let it go."""
        if wanted != self._wanted:
            name = "pg_advisory_lock_shared" if wanted else "pg_advisory_unlock_shared"
            self._execute(f"SELECT {name}({LOCK})")
            self._wanted = wanted

    def wait(self, seconds: float, bell: int) -> Sequence[Announcement]:
        """Wait on the connection's socket and the bell."""
        try:
            if not self._heard:
                # What arrived with an earlier answer is read already, and wakes no select.
                self._collect()
            if not self._heard:
                self._poll.register(bell, select.POLLIN)
                if any(ready != bell for ready, _ in self._poll.poll(seconds * 1000)):
                    self._driver.pgconn.consume_input()
                    self._collect()
        except (OperationalError, InterfaceError) as error:
            raise BrokerUnavailable(f"listening: {error}") from error
        heard, self._heard = self._heard, []
        return heard

    def _collect(self) -> None:
        while (one := self._driver.pgconn.notifies()) is not None:
            self._heard.append(_read(one.extra))

    def next_due(self) -> float | None:
        """Ask when the next row falls due."""
        try:
            return self._due(Cursor(self._driver))
        except (OperationalError, InterfaceError) as error:
            raise BrokerUnavailable(f"listening: {error}") from error

    def close(self) -> None:
        """Close the connection; its lock goes with it."""
        self._driver.close()
