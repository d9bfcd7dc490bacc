"""Connections to a cluster of Disque: to one node at a time, to another when that fails."""

import os
import random
import select
import socket
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError

try:
    from redis import connection as redis_connection
    from redis.backoff import NoBackoff
    from redis.exceptions import AuthenticationError, RedisError, ResponseError
    from redis.retry import Retry
except ImportError as error:
    raise ConfigurationError(
        'the broker on Disque needs redis-py: pip install "django-convoy[redis]"'
    ) from error

PORT = 7711
AT_ONCE = 500
"""Commands that are sent before their replies are read."""

Connection = Any
_connect: Any = redis_connection.Connection

Command = Sequence[Any]
Node = tuple[str, int]


class Pending:
    """A command whose reply has not come yet."""

    def __init__(self, nodes: "Nodes", node: Node, connection: Connection) -> None:
        self._nodes = nodes
        self._node = node
        self._connection = connection

    @property
    def socket(self) -> socket.socket:
        """What the reply is read from."""
        found: socket.socket = self._connection._sock
        return found

    def finish(self) -> Any:
        """Read the reply."""
        (reply,) = self._nodes._replies(self._node, self._connection, 1)
        return reply

    def abandon(self) -> None:
        """Wait no longer."""
        self._nodes._failed(self._node)
        self._connection.disconnect()


class Nodes:
    """The nodes of a cluster, tried in random order. Any thread may ask.

    timeout: seconds that a connection or a reply may take.
    """

    def __init__(self, nodes: Iterable[Node], password: str | None, timeout: float) -> None:
        self.timeout = timeout
        self._password = password
        self._order = list(nodes)
        random.shuffle(self._order)
        self._idle: deque[tuple[Node, Connection]] = deque()
        self._pid = os.getpid()

    @property
    def current(self) -> str:
        """The node that is asked first."""
        return name_of(self._order[0])

    def ask(self, *command: Any) -> Any:
        """Return the reply to one command. Raises ResponseError for one that is an error."""
        (reply,) = self.ask_many([command])
        if isinstance(reply, ResponseError):
            raise reply
        return reply

    def ask_many(self, commands: Sequence[Command]) -> list[Any]:
        """Return the replies to commands that are sent together; errors are among them."""
        replies: list[Any] = []
        for start in range(0, len(commands), AT_ONCE):
            chosen = commands[start : start + AT_ONCE]
            node, connection = self._send(chosen)
            replies += self._replies(node, connection, len(chosen))
        return replies

    def begin(self, command: Command, patience: float) -> Pending:
        """Send a command whose reply may take so many seconds."""
        node, connection = self._send([command])
        connection._sock.settimeout(patience)
        return Pending(self, node, connection)

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop()[1].disconnect()

    def _send(self, commands: Sequence[Command]) -> tuple[Node, Connection]:
        node, connection = self._connection()
        try:
            connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        except (RedisError, OSError) as error:
            connection.disconnect()
            raise self._unavailable(node, error) from error
        return node, connection

    def _replies(self, node: Node, connection: Connection, count: int) -> list[Any]:
        replies: list[Any] = []
        try:
            for _ in range(count):
                try:
                    replies.append(connection.read_response())
                except AuthenticationError as error:
                    raise self._refused(node, error) from error
                except ResponseError as error:
                    replies.append(error)
            connection._sock.settimeout(self.timeout)
        except ConfigurationError:
            connection.disconnect()
            raise
        except (RedisError, OSError) as error:
            connection.disconnect()
            raise self._unavailable(node, error) from error
        self._idle.append((node, connection))
        return replies

    def _connection(self) -> tuple[Node, Connection]:
        """Return an idle connection to the current node, or one to the first that answers."""
        if self._pid != os.getpid():  # they are our parent's, and so is its choice
            self._pid, self._idle = os.getpid(), deque()
            random.shuffle(self._order)
        while self._idle:
            try:
                node, known = self._idle.pop()
            except IndexError:
                break  # another thread was quicker
            # Readable without having been asked: the node has closed it.
            if node == self._order[0] and not select.select([known._sock], [], [], 0)[0]:
                return node, known
            known.disconnect()
        said = []
        for node in list(self._order):
            host, port = node
            connection = _connect(
                host=host,
                port=port,
                password=self._password,
                socket_timeout=self.timeout,
                socket_connect_timeout=self.timeout,
                retry=Retry(NoBackoff(), 0),
                protocol=2,  # its HELLO is another command
            )
            try:
                connection.connect()
            except AuthenticationError as error:
                raise self._refused(node, error) from error
            except (RedisError, OSError) as error:
                self._failed(node)
                said.append(f"{name_of(node)}: {error}")
            else:
                return node, connection
        raise BrokerUnavailable(f"no node of Disque can be reached: {'; '.join(said)}")

    def _failed(self, node: Node) -> None:
        """Try the others first from now on."""
        if node in self._order:
            self._order = [*(one for one in self._order if one != node), node]

    def _unavailable(self, node: Node, error: Exception) -> BrokerUnavailable:
        self._failed(node)
        return BrokerUnavailable(f"Disque at {name_of(node)}: {error!r}")

    def _refused(self, node: Node, error: Exception) -> ConfigurationError:
        return ConfigurationError(f"Disque at {name_of(node)} refused the password (auth): {error}")


def name_of(node: Node) -> str:
    """Return host:port."""
    return f"{node[0]}:{node[1]}"


def nodes_of(given: Any) -> list[Node]:
    """Return the nodes that an option names: "host:port, host:port", or a list of such."""
    parts = given.split(",") if isinstance(given, str) else given
    if not isinstance(parts, Iterable):
        raise ConfigurationError(f"nodes must be a list of 'host:port', not {given!r}")
    found = []
    for part in parts:
        if not isinstance(part, str) or not part.strip():
            raise ConfigurationError(f"a node must be 'host:port', not {part!r}")
        host, colon, port = part.strip().removeprefix("disque://").rpartition(":")
        if not colon:
            host, port = port, str(PORT)
        if not host or not port.isdecimal():
            raise ConfigurationError(f"a node must be 'host:port', not {part!r}")
        found.append((host, int(port)))
    if not found:
        raise ConfigurationError("nodes must name at least one node, as 'host:port'")
    return found
