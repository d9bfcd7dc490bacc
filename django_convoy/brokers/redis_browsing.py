"""Looking at the jobs on a Redis server, and changing those that nobody holds."""

import logging
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from django_convoy.brokers import wire
from django_convoy.brokers.redis_jobs import read_body, read_note
from django_convoy.brokers.redis_queues import RedisQueues
from django_convoy.clients.redis_link import Link
from django_convoy.clients.redis_scripts import script
from django_convoy.contracts.broker import Browsable, Held
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import PayloadError

logger = logging.getLogger("django_convoy.brokers")
BROWSE = script("common", "incoming", "browse")
REMOVE = script("common", "remove")
REVIVE = script("common", "revive")


class RedisBrowsing(Browsable):
    """The role `Browsable`. Jobs are looked for in all queues that were used lately."""

    _link: Link
    _queues: RedisQueues

    @abstractmethod
    def _tell(self, queues: Sequence[str]) -> None:
        """Wake who waits for work in these queues."""

    def find(self, job_id: str) -> Held | None:
        """Ask each queue for the id; those where jobs came once more, with these put in order."""
        names: Sequence[str] = self._queues.names()
        for _ in range(2):
            lists = []
            for queue, rows in self._queues.ask(BROWSE, names, "id", job_id):
                if rows == [[]]:
                    lists.append(queue)
                elif rows and (held := _held(queue, rows[0])) is not None:
                    return held
            self._queues.absorb(lists)
            names = lists
        return None

    def jobs(self, *, queue: str = "", state: str = "", limit: int = 100) -> Iterator[Held]:
        """Return jobs, oldest first; of delayed ones those that fall due first."""
        names = [queue] if queue else self._queues.names()
        states = [state] if state else self.states
        found = sorted(self._browse(names, limit, *states), key=lambda held: held.envelope.id)
        return iter(found[:limit])

    def _browse(self, names: Sequence[str], *args: Any) -> Iterator[Held]:
        for queue, rows in self._queues.ask(BROWSE, names, *args):
            for row in rows:
                if (held := _held(queue, row)) is not None:
                    yield held

    def remove(self, job_id: str) -> Envelope | None:
        """Remove it from whatever set it is in, unless it is held."""
        held = self.find(job_id)
        if held is None:
            return None
        queue = held.envelope.queue
        body = self._link.script(REMOVE, self._queues.keys(queue), queue, job_id)
        return None if body is None else held.envelope

    def revive(self, job_id: str) -> bool:
        """Move it to those that are ready, without its note."""
        held = self.find(job_id)
        if held is None:
            return False
        queue = held.envelope.queue
        revived = bool(self._link.script(REVIVE, self._queues.keys(queue), queue, job_id))
        if revived:
            self._tell([queue])
        return revived


def _held(queue: str, row: Any) -> Held | None:
    """Return a job as `browse.lua` shows it; None where it cannot be read."""
    state, job_id, body, text, at, member, started = row
    try:
        envelope = read_body(body, job_id, queue)
        attempts, note = read_note(text)
    except PayloadError as error:
        logger.warning("job %s cannot be shown: %s", job_id, error)
        return None
    leased = state == b"leased"
    return Held(
        envelope,
        state.decode(),
        attempts + leased,
        note,
        # A lease is "id:token", and a token ends in the worker that claimed.
        member.decode("utf-8", "replace").partition(".")[2] if leased else "",
        wire.moment(int(started)) if started else None,
        wire.moment(int(float(at))) if at else None,
    )
