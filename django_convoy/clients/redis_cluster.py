"""The way to a Redis Cluster: each key is on the node that owns its slot."""

from collections.abc import Sequence
from typing import Any

from django_convoy.clients.redis_client import redis
from django_convoy.clients.redis_link import Link, Value, WrongType, poll_of, send
from django_convoy.clients.redis_scripts import Script
from django_convoy.clients.redis_settings import Place
from django_convoy.domain.errors import BrokerUnavailable

SLOTS = 16384
Node = tuple[str, int]


class ClusterLink(Link):
    """A thread has a connection to each node that it needed.

    Keys of one call are in one slot. Who owns a slot is asked once, and again when a node says
    that it is another, or cannot be reached.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._owners: list[Node | None] = []

    @property
    def is_cluster(self) -> bool:
        """Whether keys of different slots are on different servers."""
        return True

    def call(self, key: str, *command: Value) -> Any:
        """Send a command to the node that has the key, or says that it has."""
        try:
            return self._exchange(self.connection(key), command)
        except redis.exceptions.AskError as error:
            connection = self._connection_to((error.host, error.port))
            self._exchange(connection, ("ASKING",))
            return self._exchange(connection, command)
        except redis.exceptions.MovedError as error:
            self._owners = []  # the next one asks anew
            return self._exchange(self._connection_to((error.host, error.port)), command)
        except BrokerUnavailable:
            self._owners = []
            raise

    def scripts(self, script: Script, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run a script for each (keys, *arguments), one after the other."""
        answers: list[Any] = []
        for call in calls:
            try:
                answers.append(self.script(script, *call))
            except WrongType as error:
                answers.append(error)
        return answers

    def atomically(self, script: Script, calls: Sequence[tuple[Any, ...]]) -> None:
        """Run a script for each (keys, *arguments). Over several slots nothing is atomic."""
        for call in calls:
            self.script(script, *call)

    def _exchange(self, connection: Any, command: Sequence[Value]) -> Any:
        return self.guarded(connection, lambda: send(connection, command))

    def connection(self, key: str) -> Any:
        """Return this thread's connection to the node that has the key."""
        owners = self._owners
        if not owners:
            owners = self._owners = self._ask()
        node = owners[redis.crc.key_slot(key.encode())]
        if node is None:
            self._owners = []
            raise BrokerUnavailable(f"{self.place.name}: nobody owns the slot of {key!r}")
        return self._connection_to(node)

    def _connection_to(self, node: Node) -> Any:
        known = self._local.__dict__.setdefault("nodes", {})
        connection, poll = known.get(node, (None, None))
        if connection is not None:
            if connection._sock is not None and not poll(0):
                return connection
            connection.disconnect()
        host, port = node
        connection = self.connect(host=host, port=port)
        known[node] = connection, poll_of(connection._sock)
        return connection

    def beside(self, connection: Any, seconds: float) -> Any:
        """Return a further connection to the same node, with so much patience."""
        patience = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        return self.connect(host=connection.host, port=connection.port, **patience)

    def _ask(self) -> list[Node | None]:
        """Ask any node that answers who owns which slot."""
        failed: BrokerUnavailable | None = None
        for host, port in self.place.nodes:
            try:
                connection = self.connect(host=host, port=port)
                ranges = self.guarded(connection, lambda: send(connection, ("CLUSTER", "SLOTS")))  # noqa: B023
            except BrokerUnavailable as error:
                failed = error
                continue
            connection.disconnect()
            owners: list[Node | None] = [None] * SLOTS
            for first, last, (owner, owner_port, *_), *_replicas in ranges:
                node = (owner.decode() or host, owner_port)
                owners[first : last + 1] = [node] * (last + 1 - first)
            return owners
        raise failed or BrokerUnavailable(f"{self.place.name}: no nodes are known")


def open_link(place: Place) -> Link:
    """Return the way to a place."""
    return ClusterLink(place) if place.nodes else Link(place)
