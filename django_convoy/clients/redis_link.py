"""Commands to a Redis server: a connection per thread, a round trip per call, nothing sent twice.

Client libraries send a command again when its answer did not come. A claim that was answered into
the void would then be made twice, so here the caller is told, and decides.
"""

import logging
import os
import select
import socket
import struct
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django_convoy.clients.redis_client import packer, redis
from django_convoy.clients.redis_scripts import Script
from django_convoy.clients.redis_settings import Place
from django_convoy.domain.errors import BrokerUnavailable

logger = logging.getLogger("django_convoy.clients")
T = TypeVar("T")
Value = str | bytes | int | float
Keys = tuple[str, ...]
_links: "weakref.WeakSet[Link]" = weakref.WeakSet()
_warned: set[str] = set()
_NOT_EXECUTED = (
    redis.exceptions.NoScriptError,
    redis.exceptions.MovedError,
    redis.exceptions.AskError,
)
"""Answers that say how it would be."""
_REFUSED = (redis.exceptions.ReadOnlyError, redis.exceptions.OutOfMemoryError)
"""Answers of a server that has written nothing."""


def _forget_all() -> None:
    """After a fork: the parent's connections are the parent's."""
    for link in list(_links):
        link.begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


class WrongType(BrokerUnavailable):
    """A key holds something that Convoy never put there."""


class Link:
    """The way to one server, for all threads of a process.

    outages: how often it could not be reached so far.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.outages = 0
        self.begin()
        _links.add(self)

    def begin(self) -> None:
        """Have no connection."""
        self._local = threading.local()
        self._made: weakref.WeakSet[Any] = weakref.WeakSet()

    # One command

    def call(self, key: str, *command: Value) -> Any:
        """Send a command about a key, return its answer.

        Raises BrokerUnavailable: nobody knows whether it was executed.
        """
        connection = self.connection(key)
        return self.guarded(connection, lambda: send(connection, command))

    def script(self, script: Script, keys: Keys, *args: Value) -> Any:
        """Run a script by its digest; send it whole to a server that does not have it yet."""
        key = keys[0]
        try:
            return self.call(key, "EVALSHA", script.sha, len(keys), *keys, *args)
        except redis.exceptions.NoScriptError:
            return self.call(key, "EVAL", script.source, len(keys), *keys, *args)

    def scripts(self, script: Script, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run a script that may be run again for each (keys, *arguments), in one round trip.

        A WrongType stands in the place of an answer: what it is about must not hide the others.
        """
        if not calls:
            return []
        key = calls[0][0][0]
        commands = [("EVALSHA", script.sha, len(keys), *keys, *args) for keys, *args in calls]
        try:
            return self._all(key, commands)
        except redis.exceptions.NoScriptError:
            self.call(key, "SCRIPT", "LOAD", script.source)
            return self._all(key, commands)

    def _all(self, key: str, commands: Sequence[Sequence[Value]]) -> list[Any]:
        """Send commands together. Raises what one of them raises, unless that is a WrongType."""
        connection = self.connection(key)
        answers = self.guarded(connection, lambda: send_all(connection, commands))
        for place, answer in enumerate(answers):
            if isinstance(answer, _NOT_EXECUTED):
                raise answer
            if isinstance(answer, Exception):
                answers[place] = self._translated(answer)
                if not isinstance(answers[place], WrongType):
                    raise answers[place]
        return answers

    def commands(self, key: str, commands: Sequence[Sequence[Value] | bytes]) -> list[Any]:
        """Send commands about keys of one slot together; return their answers, or errors in the
        place of what was refused. Raises BrokerUnavailable: nobody knows what was executed."""
        connection = self.connection(key)
        return self.guarded(connection, lambda: send_all(connection, commands))

    def packed(self, key: str, command: Sequence[Value]) -> bytes:
        """Return a command as it travels, which `commands` takes, too."""
        return _pack(self.connection(key), command)

    def atomically(self, script: Script, calls: Sequence[tuple[Any, ...]]) -> None:
        """Run a script for each (keys, *arguments), all or none of them."""
        commands: list[tuple[Value, ...]] = [("MULTI",)]
        # By its text: what is not known would be refused half-way.
        commands += [("EVAL", script.source, len(keys), *keys, *args) for keys, *args in calls]
        commands.append(("EXEC",))
        *_, executed = self._all(calls[0][0][0], commands)
        for answer in executed:
            if isinstance(answer, Exception):
                raise self._translated(answer)

    @property
    def is_cluster(self) -> bool:
        """Whether keys of different slots are on different servers."""
        return False

    # Connections

    def connection(self, key: str) -> Any:
        """Return this thread's connection to the server that has a key."""
        local = self._local
        try:
            connection, poll = local.connection
        except AttributeError:
            connection = self.connect()
        else:
            # Closed by the server meanwhile, or with an answer that nobody waited for.
            if connection._sock is not None and not poll(0):
                return connection
            connection.disconnect()
            self._connect(connection)
        local.connection = connection, poll_of(connection._sock)
        return connection

    def connect(self, **differently: Any) -> Any:
        """Return a new connection, which is closed with the others."""
        connection = self.place.connection(**{**self.place.kwargs, **differently})
        self._made.add(connection)
        self._connect(connection)
        return connection

    def beside(self, connection: Any, seconds: float) -> Any:
        """Return a further connection to the same server, with so much patience."""
        return self.connect(socket_timeout=seconds, socket_connect_timeout=seconds)

    def _connect(self, connection: Any) -> None:
        try:
            connection.connect()
        except redis.AuthenticationError as error:
            if not self._without_user(connection):
                raise self._unreached(error) from error
        except (redis.RedisError, OSError) as error:
            raise self._unreached(error) from error
        self._connected(connection)

    def _connected(self, connection: Any) -> None:
        """Let the kernel keep the time: Python would ask before each send and each receive whether
        it may, which is a sixth of a round trip."""
        seconds, sock = connection.socket_timeout, connection._sock
        if sys.platform != "win32" and type(sock) is socket.socket:
            patience = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
            sock.settimeout(None)

    def _without_user(self, connection: Any) -> bool:
        """Connect with the password alone: `redis://h:password@host` was written for servers that
        knew no users, and others refuse the user "h"."""
        if connection.username != "h" or not connection.password:
            return False
        connection.disconnect()
        connection.username = None
        try:
            connection.connect()
        except (redis.RedisError, OSError):
            connection.username = "h"
            return False
        if self.place.name not in _warned:
            _warned.add(self.place.name)
            logger.warning(
                "%s refused the user 'h' and took the password alone: leave the user out of the "
                "url, as in redis://:password@host:port",
                self.place.name,
            )
        return True

    def close(self) -> None:
        """Close all connections. The link may be used again."""
        for connection in list(self._made):
            connection.disconnect()
        self.begin()

    # Errors

    def guarded(self, connection: Any, exchange: Callable[[], T]) -> T:
        """Exchange something with the server; raise its errors as ours."""
        try:
            return exchange()
        except _NOT_EXECUTED:
            raise
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            connection.disconnect()
            raise self._unavailable(error) from error
        except redis.ResponseError as error:
            if isinstance(error, redis.exceptions.ReadOnlyError):
                connection.disconnect()  # it is a replica now; sentinels know who is not
            raise self.refused(error) from error
        except UnicodeEncodeError:
            raise
        except BaseException:  # from outside: its answer would be taken for another one's
            connection.disconnect()
            raise

    def refused(self, error: Exception) -> Exception:
        """Return what is to be raised for the server's answer to one command."""
        if isinstance(error, _REFUSED) and not self.is_cluster:
            return self._unreached(error)
        return self._translated(error)

    def _translated(self, error: Exception) -> Exception:
        if "WRONGTYPE" in str(error):
            return WrongType(f"{self.place.name}: {error}")
        return self._unavailable(error)

    def _unreached(self, error: Exception) -> BrokerUnavailable:
        """Return the error of one that was asked nothing. In a cluster others may have been."""
        found = self._unavailable(error)
        found.arrived = self.is_cluster
        return found

    def _unavailable(self, error: Exception) -> BrokerUnavailable:
        self.outages += 1
        told = str(error) or type(error).__name__
        if isinstance(error.__context__ or error, BlockingIOError):
            told = f"no answer within {self.place.kwargs['socket_timeout']:g} s"
        if "unknown command" in told.lower():
            told += " (Redis 6.2 or newer is needed)"
        return BrokerUnavailable(f"{self.place.name}: {told}")


# redis-py's own methods for this would look at each command and each answer once more, and connect
# anew where a connection was lost between two commands that belong together: a tenth of an enqueue,
# for nothing that `Link` does not see to itself. So it is asked to connect and to parse, no more.


def send(connection: Any, command: Sequence[Value]) -> Any:
    """Send a command, return its answer. Raises what the client raises."""
    _write(connection, _pack(connection, command))
    answer = answer_of(connection)
    if isinstance(answer, redis.ResponseError):
        raise answer
    return answer


def send_all(connection: Any, commands: Sequence[Sequence[Value] | bytes]) -> list[Any]:
    """Send commands together, return their answers."""
    send_only(connection, commands)
    return answers_of(connection, len(commands))


def send_only(connection: Any, commands: Sequence[Sequence[Value] | bytes]) -> None:
    """Send commands together."""
    _write(connection, b"".join([_pack(connection, command) for command in commands]))


def _pack(connection: Any, command: Sequence[Value] | bytes) -> bytes:
    if isinstance(command, bytes):
        return command
    if packer is None:
        return b"".join(connection.pack_command(*command))
    return packer(tuple(command))  # type: ignore[no-any-return]


def _write(connection: Any, packed: bytes) -> None:
    sock = connection._sock
    if sock is None:
        raise redis.ConnectionError("the connection was closed")
    sock.sendall(packed)


def answer_of(connection: Any) -> Any:
    """Return the next answer; what the server says of a command that it refused is one, too."""
    return connection._parser.read_response()


def answers_of(connection: Any, number: int) -> list[Any]:
    """Return the next answers. The connection ends with them if the server is a replica now:
    sentinels know who is not."""
    answers = [answer_of(connection) for _ in range(number)]
    for answer in answers:
        # In a transaction all are refused, or none.
        first = answer[0] if isinstance(answer, list) and answer else answer
        if isinstance(first, redis.exceptions.ReadOnlyError):
            connection.disconnect()
    return answers


def poll_of(*readers: Any) -> Callable[[float], list[tuple[int, int]]]:
    """Return a function that waits so many seconds until one of these can be read; it returns
    (descriptor, 1) of those that can."""
    if not hasattr(select, "poll"):  # Windows
        return lambda seconds: [(r.fileno(), 1) for r in select.select(readers, [], [], seconds)[0]]
    poll = select.poll()
    for reader in readers:
        poll.register(reader, select.POLLIN)
    return lambda seconds: poll.poll(seconds * 1000)
