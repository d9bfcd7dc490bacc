"""Where a queue's jobs are on a Redis server, and which queues there are.

Of the keys of a queue all are in one slot of a cluster. Queues are written into a register before
their first job, again each second in which they are used, and leave it an hour after that.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django_convoy.clients.redis_link import Keys, Link, Value, WrongType
from django_convoy.clients.redis_scripts import Script, script

logger = logging.getLogger("django_convoy.brokers")

ABSORB = script("common", "incoming", "absorb")
REGISTER = script("register")
FORGET = script("common", "forget")
PEEK = script("common", "peek")
RENEW_SECONDS = 1.0
"""How often the register is written at most; a server may have lost it meanwhile."""
FORGET_SECONDS = 3600.0
TIDY_SECONDS = 600.0
MOST_KEPT = 1000
"""Queues that a process remembers the keys of."""
PARTS = (
    "jobs",
    "ready",
    "suspects",
    "delayed",
    "leases",
    "buried",
    "notes",
    "returned",
    "incoming",
    "wake",
)


@dataclass(frozen=True, slots=True)
class Peek:
    """What there is in a queue: work now, jobs at all, and some that fall due in so many seconds,
    if ever."""

    has_work: bool
    due: float | None
    has_jobs: bool


class RedisQueues:
    """The keys of one prefix."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._prefix = link.place.prefix
        self._register = f"{self._prefix}:queues"
        self._keys: dict[str, Keys] = {}
        self._doorsteps: dict[str, tuple[str, bytes]] = {}
        self._registered: dict[str, float] = {}
        self._forgot_at = -TIDY_SECONDS
        self._complained: set[str] = set()

    def keys(self, queue: str) -> Keys:
        """Return the keys of a queue, in the order that scripts expect."""
        found = self._keys.get(queue)
        if found is None:
            if len(self._keys) > MOST_KEPT:
                self._keys.clear()
            names = [f"{self._prefix}:{{{queue}}}:{part}" for part in PARTS]
            found = self._keys[queue] = tuple(names)
        return found

    def doorstep(self, queue: str) -> tuple[str, bytes]:
        """Return the key to which new jobs are appended, and the command that wakes somebody for
        them: the same each time, so it is packed once."""
        found = self._doorsteps.get(queue)
        if found is None:
            if len(self._doorsteps) > MOST_KEPT:
                self._doorsteps.clear()
            *_, incoming, wake = self.keys(queue)
            ring = self._link.packed(incoming, ("ZADD", wake, 0, queue))
            found = self._doorsteps[queue] = incoming, ring
        return found

    def wake(self, queue: str) -> str:
        """Return the key on which those wait who serve this queue."""
        return self.keys(queue)[-1]

    def any_of(self, space: str) -> str:
        """Return the key on which those wait who serve every queue of a namespace: for word of
        queues that they do not know yet; in a cluster of any that has work."""
        return f"{self._prefix}:any:{space}"

    def register(self, queue: str) -> None:
        """See to it that the queue is known."""
        if self.is_registered(queue):
            return
        self._link.script(REGISTER, self._register_keys(queue), queue)
        self.registered(queue)

    def is_registered(self, queue: str) -> bool:
        """Return whether that was seen to a moment ago."""
        known = self._registered.get(queue)
        return known is not None and time.monotonic() < known + RENEW_SECONDS

    def registration(self, queue: str) -> tuple[Value, ...]:
        """Return the command that does it, to be sent with others: by its text, so that a server
        that has lost all knows it, too."""
        keys = self._register_keys(queue)
        return ("EVAL", REGISTER.source, len(keys), *keys, queue)

    def registered(self, queue: str) -> None:
        """Remember that it was done."""
        if len(self._registered) > MOST_KEPT:
            self._registered.clear()
        self._registered[queue] = time.monotonic()

    def _register_keys(self, queue: str) -> Keys:
        if self._link.is_cluster:
            return (self._register,)
        return (self._register, self.any_of(queue.rpartition(":")[0]))

    def ring_any(self, queue: str) -> None:
        """Wake one of those who serve every queue."""
        key = self.any_of(queue.rpartition(":")[0])
        self._link.call(key, "ZADD", key, 0, queue)

    def absorb(self, names: Iterable[str]) -> None:
        """Put all in order that came to these queues, a thousand in a step: others are served in
        between."""
        for queue in names:
            while any(more for _, more in self.ask(ABSORB, [queue])):
                pass

    def forget_tokens(self, queue: str) -> None:
        """Remove what would wake somebody for a queue, if it has no jobs."""
        if self._link.script(FORGET, self.keys(queue), queue):
            key = self.any_of(queue.rpartition(":")[0])
            self._link.call(key, "ZREM", key, queue)

    def names(self) -> list[str]:
        """Return the names of all queues that were used lately, or have jobs."""
        return [queue for queue, _ in self._read()]

    def _read(self) -> list[tuple[str, int]]:
        found = self._link.call(self._register, "ZRANGE", self._register, 0, -1, "WITHSCORES")
        pairs = zip(found[::2], found[1::2], strict=True)
        return [(name.decode("utf-8", "replace"), int(float(at))) for name, at in pairs]

    def forget_unused(self, empty: Iterable[str]) -> None:
        """Take those of these queues off that nobody has used for long. Looks now and then."""
        now = time.monotonic()
        if now < self._forgot_at + TIDY_SECONDS:
            return
        self._forgot_at = now
        at = dict(self._read())
        seconds, _ = self._link.call(self._register, "TIME")
        for queue in empty:
            if queue in at and at[queue] < int(seconds) - FORGET_SECONDS:
                self._link.script(REGISTER, (self._register,), queue, at[queue])
                self.forget_tokens(queue)

    def peek(self, names: Iterable[str]) -> dict[str, Peek]:
        """Look at these queues."""
        return {
            queue: Peek(bool(work), seconds(due), bool(jobs))
            for queue, (work, due, jobs) in self.ask(PEEK, names)
        }

    def ask(
        self, script: Script, names: Iterable[str], *args: Value
    ) -> Iterator[tuple[str, list[Any]]]:
        """Run a script that may be run again for these queues; yield (queue, what it answers).

        Queues whose keys are not ours are left out, and said once.
        """
        queues = list(names)
        calls = [(self.keys(queue), queue, *args) for queue in queues]
        for queue, answer in zip(queues, self._link.scripts(script, calls), strict=True):
            if isinstance(answer, WrongType):
                self.complain(queue, answer)
            else:
                yield queue, answer

    def complain(self, queue: str, error: WrongType) -> None:
        """Say once that a queue cannot be used."""
        if queue not in self._complained:
            self._complained.add(queue)
            logger.error("queue %s is left out: %s", queue, error)


def seconds(due: int) -> float | None:
    """Return in seconds what scripts answer in microseconds; below 0: never."""
    return None if due < 0 else due / 1e6
