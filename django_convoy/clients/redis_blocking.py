"""Commands that a server answers in its own time, and how they are ended early.

What is sent behind such a command is executed in the moment in which it ends, and answered with it:
whoever is woken need not ask once more.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

from django_convoy.clients.redis_client import redis
from django_convoy.clients.redis_link import Link, Value, answers_of, poll_of, send, send_only
from django_convoy.domain.errors import BrokerUnavailable

ENDING_SECONDS = 1.0
"""What a server gets to end a command that was to end early, before the connection is closed."""


class Blocking:
    """One thread's blocking commands."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._known: Any = None
        self._socket: Any = None
        """The one whose number at the server is `_id`: a connection may be made anew."""
        self._id = 0

    def answers(
        self, commands: Sequence[Sequence[Value]], key: str, ear: Any, seconds: float, *, late: bool
    ) -> list[Any]:
        """Send commands of which the first one blocks; return their answers.

        When `seconds` are over, or `ear` can be read, the first is made to end. late: by then the
        server should have answered: BrokerUnavailable is raised instead. Empty: it could not be
        made to end, and nobody knows what was executed.
        """
        connection = self._link.connection(key)

        def exchange() -> list[Any]:
            if self._socket is not connection._sock:
                self._id = send(connection, ("CLIENT", "ID"))
                self._known, self._socket = connection, connection._sock
            send_only(connection, commands)
            sock = connection._sock.fileno()
            ready = [descriptor for descriptor, _ in poll_of(connection._sock, ear)(seconds)]
            if sock not in ready:
                if late and not ready:
                    raise redis.TimeoutError(f"no answer within {seconds:.1f} s")
                self._end()
                if not poll_of(connection._sock)(ENDING_SECONDS):
                    connection.disconnect()
                    return []
            return answers_of(connection, len(commands))

        return self._link.guarded(connection, exchange)

    def _end(self) -> None:
        """Ask the server, on another connection, to end the command."""
        with contextlib.suppress(BrokerUnavailable, redis.RedisError, OSError):
            other = self._link.beside(self._known, ENDING_SECONDS)
            try:
                send(other, ("CLIENT", "UNBLOCK", self._id))
            finally:
                other.disconnect()
