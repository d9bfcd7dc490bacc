"""Claims on a Redis server: which queue is looked at, and what is done with what it answers."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django_convoy.brokers.redis_idling import Idling
from django_convoy.brokers.redis_jobs import read_body, read_note
from django_convoy.brokers.redis_queues import RedisQueues, seconds
from django_convoy.brokers.search import Search
from django_convoy.clients.redis_link import Link, Value, WrongType
from django_convoy.clients.redis_scripts import script
from django_convoy.domain import ids
from django_convoy.domain.envelope import NO_NOTE, Lease
from django_convoy.domain.errors import PayloadError

logger = logging.getLogger("django_convoy.brokers")
CLAIM = script("common", "incoming", "claim")
GIVE_BACK = script("common", "give_back")
SETTLE = script("common", "keep", "settle")
RING = script("common", "ring")
LARGEST = 1000
"""Jobs of one claim: as many values as a script can pass to a command."""
REMEMBER_SECONDS = 1.0
"""How long queues that had work are looked at without asking which have, while they have."""
SUSPECTS_SECONDS = 1.0
"""The pause between two looks while there are suspects that may not be run."""
SPARE_PAUSE = 0.05
"""The least pause between two looks while lapsed leases are spared."""
ASK, YES, NO = "ask", "yes", "no"
"""Whether suspects may be claimed."""
SUSPECTS, NOTHING, FOUND = -1, 0, 1
"""What a claim answers first."""


class RedisClaiming:
    """The verb `claim`."""

    forgets = False
    """Whether what is claimed is forgotten at once."""

    _link: Link
    _queues: RedisQueues

    def _begin_claiming(self) -> None:
        self._idling = Idling(self._link)
        self._outages = 0
        self._spare_until = 0.0
        self._due: float | None = None
        self._looked_at: list[str] = []
        self._names: list[str] = []
        self._passed_on: set[str] = set()
        self._guess = ""
        self._with_work: list[str] = []
        self._with_work_until = 0.0
        self._dues: dict[str, float | None] = {}
        self._may_remember = False
        self._remembered = False

    def claim(
        self,
        queues: Iterable[str],
        *,
        limit: int,
        lease: float,
        worker: str,
        wait: float = 0,
        may_suspect: Callable[[], bool] = lambda: True,
    ) -> list[Lease]:
        """Claim now, or when something comes within `wait` seconds."""
        if self._link.outages != self._outages:  # live holders renew first after an outage
            self._spare_until = time.monotonic() + lease / 3
        search = Search(queues, min(limit, LARGEST), lease, worker, may_suspect)
        if wait > 0:
            self._idling.begin()
        try:
            found = self._look(search)
            if not found and wait > 0:
                found = self._wait(search, time.monotonic() + wait)
        finally:
            self._idling.end()
        self._outages = self._link.outages
        return found

    def interrupt(self) -> None:
        """End a claim that waits."""
        self._idling.interrupt()

    def _wait(self, search: Search, deadline: float) -> list[Lease]:
        idling = self._idling
        while not idling.is_interrupted() and time.monotonic() < deadline:
            space = getattr(search.queues, "space", None)
            token = new_token(search)
            guess = self._guessed(space)
            then = self._command(guess, search, search.limit, token, ASK) if guess else ()
            key, woken, answer = idling.wait(self._wakes(space), self._due, deadline, then)
            found: list[Lease] = []
            if answer is not None and answer[0] == FOUND:
                found = self._leases(guess, token, *answer[1:])
            if space is not None and key == self._queues.any_of(space):
                if woken not in self._names:
                    self._pass_on(woken)
                elif not found and not self._link.is_cluster:
                    continue  # its work would come on its own key
            if woken and (found or idling.is_interrupted()) and woken != guess:
                self._link.script(RING, self._queues.keys(woken), woken)  # it was for another
            elif woken and not found and woken != guess:
                found = self._claim([woken], search)
            if not found and not idling.is_interrupted():
                found = self._look(search)
            if found:
                self._guess = found[0].envelope.queue
                idling.found()
                return found
        return []

    def _guessed(self, space: str | None) -> str:
        """Return the queue that work will come from, most probably: as last time."""
        if self.forgets:  # an answer that is lost on the way would take jobs with it
            return ""
        if space is None:
            served = self._guess in self._looked_at
        else:
            served = bool(self._guess) and self._guess.rpartition(":")[0] == space
        return self._guess if served else ""

    def _pass_on(self, queue: str) -> None:
        """Of a queue that was not there at the last look all must hear who sleep: one tells the
        next, until it comes to somebody who has heard."""
        if queue not in self._passed_on:
            self._passed_on.add(queue)
            self._queues.ring_any(queue)

    def _wakes(self, space: str | None) -> list[str]:
        """Return the keys on which word of work comes."""
        if space is None:
            return [self._queues.wake(queue) for queue in self._looked_at]
        if self._link.is_cluster:
            return [self._queues.any_of(space)]
        ours = (queue for queue in self._names if queue.rpartition(":")[0] == space)
        return [self._queues.any_of(space), *map(self._queues.wake, ours)]

    def _look(self, search: Search) -> list[Lease]:
        """Claim from the queues as they stand now."""
        found = self._look_once(search, remember=True)
        if not found and self._remembered:
            found = self._look_once(search, remember=False)
        return found

    def _look_once(self, search: Search, *, remember: bool) -> list[Lease]:
        """remember: where the queues are those with work, and some had work lately, whoever asks
        for them is answered from memory."""
        self._remembered, self._may_remember = False, remember
        try:
            names = list(search.queues)
        finally:
            self._may_remember = False
        found = self._claim(names, search)
        self._looked_at = names
        space = getattr(search.queues, "space", None)
        if space is not None:
            self._due = earlier(
                self._due,
                *(due for queue, due in self._dues.items() if queue.rpartition(":")[0] == space),
            )
        if time.monotonic() < self._spare_until and self._due is not None:
            self._due = max(self._due, SPARE_PAUSE)
        return found

    def ready_queues(self) -> list[str]:
        """Return the queues that have work now."""
        now = time.monotonic()
        if self._may_remember and self._with_work and now < self._with_work_until:
            self._remembered = True
            return list(self._with_work)
        self._names = self._queues.names()
        self._passed_on.difference_update(self._names)
        known = self._queues.peek(self._names)
        self._dues = {queue: one.due for queue, one in known.items()}
        self._with_work = [queue for queue, one in known.items() if one.has_work]
        self._queues.forget_unused(queue for queue, one in known.items() if not one.has_jobs)
        self._with_work_until = now + REMEMBER_SECONDS
        return list(self._with_work)

    def _claim(self, names: Sequence[str], search: Search) -> list[Lease]:
        token = new_token(search)
        leases: list[Lease] = []
        self._due = None
        for queue in names:
            room = search.limit - len(leases)
            try:
                answer = self._take(queue, search, room, token, NO if leases else ASK)
                if answer[0] == SUSPECTS:
                    allowed = search.may_suspect()
                    answer = self._take(queue, search, room, token, YES if allowed else NO)
                    if not allowed:
                        self._due = earlier(self._due, SUSPECTS_SECONDS)
            except WrongType as error:
                self._queues.complain(queue, error)
                continue
            if answer[0] == NOTHING:
                self._due = earlier(self._due, seconds(answer[1]))
                continue
            leases += self._leases(queue, token, *answer[1:])
            if self._link.is_cluster and len(leases) >= search.limit:
                self._queues.ring_any(queue)
            if len(leases) >= search.limit or (leases and leases[-1].note.suspect):
                break
        return leases

    def _take(self, queue: str, search: Search, limit: int, token: str, suspects: str) -> Any:
        return self._link.script(
            CLAIM, self._queues.keys(queue), *self._args(queue, search, limit, token, suspects)
        )

    def _command(
        self, queue: str, search: Search, limit: int, token: str, suspects: str
    ) -> tuple[Value, ...]:
        keys = self._queues.keys(queue)
        given = self._args(queue, search, limit, token, suspects)
        return "EVALSHA", CLAIM.sha, len(keys), *keys, *given

    def _args(
        self, queue: str, search: Search, limit: int, token: str, suspects: str
    ) -> tuple[Value, ...]:
        lease = 0 if self.forgets else int(search.lease * 1e6)
        spare = int(time.monotonic() < self._spare_until)
        return queue, limit, lease, token, suspects, spare

    def _leases(
        self,
        queue: str,
        token: str,
        job_ids: list[bytes],
        bodies: list[bytes | None],
        notes: list[bytes | None],
    ) -> list[Lease]:
        leases = []
        unreadable: list[tuple[bytes, bytes]] = []
        for place, body in enumerate(bodies):
            try:
                envelope = read_body(body, job_ids[place], queue)
                attempts, note = read_note(notes[place]) if notes else (0, NO_NOTE)
                leases.append(Lease(envelope, token, attempts + 1, note))
            except PayloadError as error:
                logger.error("queue %s: job %s is set aside: %s", queue, job_ids[place], error)
                unreadable.append((job_ids[place], body or b""))
        if unreadable:
            self._set_aside(queue, token, unreadable)
        return leases

    def _set_aside(self, queue: str, token: str, jobs: list[tuple[bytes, bytes]]) -> None:
        """Bury what cannot be read, where it can be counted and purged."""
        args: list[Value] = []
        for job_id, body in jobs:
            args += (job_id + b":" + token.encode(), "b", "")
            if self.forgets:
                args.append(body)
        head: tuple[Value, ...] = (queue,) if self.forgets else (queue, 0, len(jobs))
        script = GIVE_BACK if self.forgets else SETTLE
        self._link.script(script, self._queues.keys(queue), *head, *args)


def new_token(search: Search) -> str:
    """Return what names one claim; it says who made it."""
    return f"{ids.token()}.{search.worker}"


def earlier(*dues: float | None) -> float | None:
    """Return the smallest number of seconds; None is never."""
    return min((due for due in dues if due is not None), default=None)
