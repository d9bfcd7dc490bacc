"""Jobs as Disque shows them, and what is asked of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from django_convoy.brokers.disque_nodes import Nodes

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """What a node says of a job. nacks, lapses: how often it was queued again, and why."""

    id: str
    place: str
    state: str
    body: bytes
    nacks: int
    lapses: int
    created: float
    delay: int

    @property
    def queued(self) -> bool:
        """Whether anybody may take it now."""
        return self.state == "queued"

    @property
    def deliveries(self) -> int:
        """How often it was queued again."""
        return self.nacks + self.lapses

    def is_delayed(self, now: float) -> bool:
        """Return whether it was never queued yet, at the server's time."""
        return not self.queued and now < self.created + self.delay


def read(reply: Any) -> Shown | None:
    """Return what a reply to SHOW says; None: the node knows no such job, or it is over."""
    if not isinstance(reply, list):
        return None
    fields = dict(zip(map(text, reply[::2]), reply[1::2], strict=False))
    state = text(fields["state"])
    if state == "acked":
        return None
    return Shown(
        text(fields["id"]),
        text(fields["queue"]),
        state,
        fields["body"],
        int(fields["nacks"]),
        int(fields["additional-deliveries"]),
        int(fields["ctime"]) / 1e9,
        int(fields["delay"]),
    )


def show(nodes: Nodes, ids: Sequence[str]) -> list[Shown | None]:
    """Return what a node knows of jobs."""
    return [read(reply) for reply in nodes.ask_many([("SHOW", one) for one in ids])]


def scan(nodes: Nodes, *wanted: str) -> Iterator[Shown]:
    """Return jobs of a node, page by page. wanted: further words of JSCAN."""
    cursor = "0"
    while True:
        cursor, found = nodes.ask("JSCAN", cursor, "COUNT", PAGE, *wanted, "REPLY", "all")
        yield from (one for one in map(read, found) if one is not None)
        cursor = text(cursor)
        if cursor == "0":
            return


def each(nodes: Nodes, command: str, ids: Sequence[str]) -> list[bool]:
    """Do something to each job; return where it made a difference."""
    replies = nodes.ask_many([(command, one) for one in ids])
    return [not isinstance(reply, ResponseError) and bool(reply) for reply in replies]


def now(nodes: Nodes) -> float:
    """Return the time of a node's clock."""
    seconds, micros = nodes.ask("TIME")
    return int(seconds) + int(micros) / 1e6


def text(value: Any) -> str:
    """Return a word of a reply."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
