"""Announcements in MongoDB: a change stream of what becomes ready, or is put off.

The server tells of each change to whoever watches, so only one process of a tree does, and only
while some worker of it sleeps.
"""

import contextlib
import select
import socket
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pymongo
from pymongo.change_stream import CollectionChangeStream
from pymongo.errors import PyMongoError

from django_convoy.brokers.mongodb_connection import Connection
from django_convoy.contracts.listener import Announcement, Listener
from django_convoy.domain.errors import BrokerUnavailable

AWAIT = 10.0
"""Seconds that the server holds back the answer that nothing has changed."""
_MARGIN = 5.0
_STATES = {"$in": ["ready", "suspect", "delayed"]}
_CHANGES: list[dict[str, Any]] = [
    {
        "$match": {
            "$or": [
                {"operationType": "insert", "fullDocument.state": _STATES},
                {"operationType": "update", "updateDescription.updatedFields.state": _STATES},
            ]
        }
    },
    {
        "$project": {
            "queue": "$fullDocument.queue",
            "state": {"$ifNull": ["$fullDocument.state", "$updateDescription.updatedFields.state"]},
        }
    },
]


class MongoListener(Listener):
    """Reads the change stream in a thread: pymongo cannot wait for a bell as well."""

    def __init__(self, server: Connection, due: Callable[[], float | None]) -> None:
        self._server = server
        self._due = due
        self._reader: _Reader | None = None
        self._bell, self._ringer = socket.socketpair()
        for end in (self._bell, self._ringer):
            end.setblocking(False)

    def attend(self, wanted: bool) -> None:
        """Open a stream: it tells of all that is committed from now on. Or let it go."""
        if wanted and self._reader is None:
            with self._server.jobs() as jobs, pymongo.timeout(AWAIT + _MARGIN):
                stream = jobs.watch(_CHANGES, max_await_time_ms=int(AWAIT * 1000))
            self._reader = _Reader(stream, self._ringer)
        elif not wanted and self._reader is not None:
            self._reader.leaving = True
            self._reader = None

    def wait(self, seconds: float, bell: int) -> Sequence[Announcement]:
        """Wait for the reader and the bell."""
        ready, _, _ = select.select([self._bell.fileno(), bell], [], [], seconds)
        if self._bell.fileno() in ready:
            with contextlib.suppress(BlockingIOError):
                self._bell.recv(4096)
        if self._reader is None:
            return []
        heard = self._reader.take()
        if self._reader.error:
            raise BrokerUnavailable(f"watching changes: {self._reader.error}")
        return [Announcement(queue, count) for queue, count in heard.items()]

    def next_due(self) -> float | None:
        """Ask when the next job falls due."""
        return self._due()

    def close(self) -> None:
        """Watch no more; the reader's thread ends with the server's next answer."""
        self.attend(False)
        self._bell.close()


class _Reader:
    """A thread that reads one stream until it is told to leave, and closes it."""

    def __init__(self, stream: "CollectionChangeStream[Any]", ringer: socket.socket) -> None:
        self._stream = stream
        self._ringer = ringer
        self._heard: Counter[str] = Counter()
        self._mutex = threading.Lock()
        self.error = ""
        self.leaving = False
        threading.Thread(target=self._run, name="changes", daemon=True).start()

    def take(self) -> Counter[str]:
        """Return how many jobs became ready, by queue ("": unknown); 0: something was put off."""
        with self._mutex:
            heard, self._heard = self._heard, Counter()
        return heard

    def _run(self) -> None:
        try:
            with self._stream:
                while not self.leaving:
                    with pymongo.timeout(AWAIT + _MARGIN):
                        change = self._stream.try_next()
                    if change is not None:
                        self._hear(change)
                    elif not self._stream.alive:
                        raise PyMongoError("the collection was dropped or renamed")
        except (PyMongoError, StopIteration) as error:
            self.error = str(error).partition(", full error:")[0]
        self._ring()

    def _hear(self, change: dict[str, Any]) -> None:
        queue = change.get("queue")
        name = queue if isinstance(queue, str) else ""
        with self._mutex:
            self._heard[name] += change.get("state") != "delayed"
        self._ring()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # full, or closed by a listener that has left
            self._ringer.send(b"!")
