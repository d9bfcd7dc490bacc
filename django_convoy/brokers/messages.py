"""What brokers do on servers whose messages cannot be changed.

A message is a job as one text, with the attempts and the note of its earlier runs. Where these
change, a new message is added before the old one is dropped: a crash in between gives a second
run, never a loss. Each queue has two more on the server: NAME~suspects, whose jobs are run
alone, and NAME~buried. A message that comes again although it was not settled has lapsed; it is
moved to the suspects, so that what it is charged with stands in its text: the server counts
deliveries, and cannot say which of them were renewals.
"""

import logging
import os
import socket
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django_convoy.brokers import wire
from django_convoy.brokers.bell import Bell
from django_convoy.brokers.search import Search
from django_convoy.contracts.broker import Broker, Reachable
from django_convoy.domain import clock
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease, Note
from django_convoy.domain.errors import BrokerUnavailable, PayloadError
from django_convoy.domain.verdict import Again, Bury, Done, Verdict

logger = logging.getLogger("django_convoy.broker")
SUSPECTS, BURIED = "~suspects", "~buried"
LOOK_SECONDS = 1.0
"""How often a worker that finds work looks for suspects; after it found one, at once."""
ABANDON_SECONDS = 60.0
"""After this time a request is given up: its answer will not come."""
REMEMBERED = 1000
"""How many messages a broker knows to have followers, so that none gets two."""
KINDS = {"": "-", SUSPECTS: "?"}
"""How a token says which of a queue's places its message is in."""


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery.

    place: the server's queue. handle: names the delivery. lapses: how often it is known to have
    been delivered before and not settled.
    """

    place: str
    handle: str
    body: str | bytes
    lapses: int


@dataclass(frozen=True, slots=True)
class Added:
    """A message to be. delay: seconds."""

    body: str | bytes
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that is answered once there are messages.

    socket: what the answer is read from. finish: reads it. abandon: closes its connection.
    """

    socket: socket.socket
    finish: Callable[[], Sequence[Message]]
    abandon: Callable[[], None]
    pid: int = field(default_factory=os.getpid)
    since: float = field(default_factory=time.monotonic)


class MessageBroker(Broker, Reachable):
    """Promises of a broker, from the few things that such a server can do."""

    slice_seconds = 1.0
    """How long a wait at the server lasts, and how often an idle worker looks for suspects."""
    patient = True
    """Whether a server that does not answer is the only one that could."""
    returns = False
    """Whether the server takes a message back as it is, without counting that it was delivered."""

    def __init__(self) -> None:
        self.bell = Bell()
        self._look_at: dict[str, float] = {}
        self._added: dict[tuple[str, str], None] = {}
        self._late: Waiting | None = None

    # What the server can do

    @abstractmethod
    def _add(self, place: str, added: Sequence[Added]) -> None:
        """Add messages to a queue of the server, in order."""

    @abstractmethod
    def _take(
        self, places: Sequence[str], count: int, lease: float, wait: float
    ) -> Sequence[Message]:
        """Reserve messages; wait for the first one, unless the bell is rung."""

    @abstractmethod
    def _has(self, place: str) -> bool:
        """Return whether a message could be taken; takes none."""

    @abstractmethod
    def _secure(self, handles: Sequence[tuple[str, str]]) -> Sequence[str]:
        """Return for each (place, handle) the handle under which it can be dropped for a while
        yet; an empty one where it is not held any more."""

    @abstractmethod
    def _drop(self, handles: Sequence[tuple[str, str]]) -> list[bool]:
        """Remove reserved messages; False: it is not held any more, and was left alone."""

    def _return(self, handles: Sequence[tuple[str, str]]) -> list[bool]:
        """Give messages back as they are."""
        raise NotImplementedError

    def _packed(self, envelope: Envelope, attempt: int = 0, note: Note = NO_NOTE) -> str:
        """Return the text of a job. Raises PayloadError for one that the server does not take."""
        return wire.pack(envelope, attempt, note)

    def _await(
        self,
        places: Sequence[str],
        count: int,
        patience: float,
        begin: Callable[[], Waiting],
    ) -> Sequence[Message]:
        """Wait at the server, at most `patience` seconds.

        An interrupt ends the wait, not the request: it may bring messages yet. So may one that a
        server which stands still has not answered. The next wait goes on with it; `close` gives
        back what it brings.
        """
        waiting, self._late = self._late, None
        if waiting is None or waiting.pid != os.getpid():
            waiting = begin()
        if not self.bell.wait(waiting.socket, patience):
            if self.bell.rung:
                self._late = waiting
                return []
            if self.patient and time.monotonic() - waiting.since < ABANDON_SECONDS:
                self._late = waiting
            else:
                waiting.abandon()
            raise BrokerUnavailable(f"the server has not answered within {patience:g} s")
        messages = waiting.finish()
        if len(messages) <= count and all(one.place in places for one in messages):
            return messages
        self._hand_back(messages)
        return []

    def _limbo(self, name: str, deliveries: int) -> str:
        """Return where a limit set on the server wants a job that was delivered so often; empty
        where it may go on."""
        return ""

    # Pushing

    def push(self, envelopes: Iterable[Envelope]) -> None:
        """Add jobs; all are made before the first is sent."""
        now = clock.now()
        added: dict[str, list[Added]] = {}
        for one in envelopes:
            delay = 0.0 if one.due is None else max(0.0, (one.due - now).total_seconds())
            added.setdefault(one.queue, []).append(Added(self._packed(one), delay))
        for queue, batch in added.items():
            self._add(queue, batch)

    # Claiming

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
        """Take suspects, one by one, else what is ready; the server waits for it."""
        search = Search(queues, limit, lease, worker, may_suspect)
        end = time.monotonic() + wait
        self.bell.prepare()
        try:
            while True:
                left = max(0.0, end - time.monotonic())
                found = self._look(search, 0.0 if self.bell.rung else left)
                if found or self.bell.rung or time.monotonic() >= end:
                    return found
        finally:
            self.bell.rung = False

    def interrupt(self) -> None:
        """End a claim that waits."""
        self.bell.ring()

    def _look(self, search: Search, wait: float) -> list[Lease]:
        names = list(search.queues)
        if suspect := self._suspect(names, search):
            return suspect
        messages = self._take(names, search.limit, search.lease, min(wait, self.slice_seconds))
        leases = self._sorted(messages)
        if messages and not leases:
            return self._suspect(names, search)
        return leases

    def _suspect(self, names: Sequence[str], search: Search) -> list[Lease]:
        """Take one suspect, where there is one and it may run."""
        now = time.monotonic()
        for name in names:
            if now < self._look_at.get(name, 0.0):
                continue
            self._look_at[name] = now + LOOK_SECONDS
            place = name + SUSPECTS
            while self._has(place):
                if not search.may_suspect():
                    return []
                if not (messages := self._take([place], 1, search.lease, 0.0)):
                    break
                if leases := self._sorted(messages):
                    self._look_at[name] = 0.0
                    return leases
        return []

    def _sorted(self, messages: Sequence[Message]) -> list[Lease]:
        """Return leases of jobs that may run; move what lapsed, set aside what is no job."""
        leases: list[Lease] = []
        moved: dict[str, list[Added]] = {}
        gone: list[tuple[str, str]] = []
        for one in messages:
            name, kind = split(one.place)
            text: str | bytes = one.body
            try:
                envelope, attempt, note = wire.unpack(one.body)
                if envelope.queue != name:
                    raise PayloadError(f"a job of queue {envelope.queue!r}")
            except PayloadError as error:
                logger.error("queue %s: set aside what is no job of it: %s", name, error)
                place = name + BURIED
            else:
                before = attempt + one.lapses
                place = self._limbo(name, before) if before else ""
                if place:
                    logger.error(
                        "job %s: was delivered %d times, which is the limit of its queue: moved "
                        "to %s",
                        envelope.id,
                        before,
                        place,
                    )
                elif one.lapses:
                    place, text = name + SUSPECTS, self._packed(envelope, before, _lapsed(note))
                    self._look_at[name] = 0.0
                else:
                    leases.append(Lease(envelope, KINDS[kind] + one.handle, attempt + 1, note))
                    continue
            moved.setdefault(place, []).append(Added(text))
            gone.append((one.place, one.handle))
        for place, batch in moved.items():
            self._add(place, batch)
        if gone:
            self._drop(gone)
        return leases

    def _hand_back(self, messages: Sequence[Message]) -> None:
        """Give back what came too late; it costs no attempt."""
        self.settle([(one, Again(0.0, True, one.note)) for one in self._sorted(messages)])

    # Settling

    def settle(self, settlements: Sequence[tuple[Lease, Verdict]]) -> list[bool]:
        """Drop what is over; what goes on is added anew first, once it is sure to be ours."""
        answers = [False] * len(settlements)
        over: list[int] = []
        back: list[int] = []
        changed: dict[int, tuple[str, Added]] = {}
        for index, (lease, verdict) in enumerate(settlements):
            if isinstance(verdict, Done):
                over.append(index)
            elif self.returns and _is_unchanged(lease, verdict):
                back.append(index)
            else:
                changed[index] = self._next(lease, verdict)
        if changed:
            over += self._replace([settlements[index][0] for index in changed], changed)
        handles = [handle_of(lease) for lease, _ in settlements]
        for chosen, act in ((over, self._drop), (back, self._return)):
            if chosen:
                done = act([handles[index] for index in chosen])
                for index, ok in zip(chosen, done, strict=True):
                    answers[index] = ok
        return answers

    def _replace(
        self, leases: Sequence[Lease], changed: Mapping[int, tuple[str, Added]]
    ) -> list[int]:
        """Add what follows messages that are ours; return the indexes of those."""
        ours: list[int] = []
        added: dict[str, list[Added]] = {}
        keys: list[tuple[str, str]] = []
        found = self._secure([handle_of(lease) for lease in leases])
        for lease, handle, index in zip(leases, found, changed, strict=True):
            if not handle:
                continue
            lease.token = token_of(lease, handle)  # for whoever has to ask again
            ours.append(index)
            key = handle_of(lease)[0], handle.partition(":")[0]
            if key not in self._added:
                keys.append(key)
                place, one = changed[index]
                added.setdefault(place, []).append(one)
        for place, batch in added.items():
            self._add(place, batch)
        self._added.update(dict.fromkeys(keys))
        while len(self._added) > REMEMBERED:
            del self._added[next(iter(self._added))]
        return ours

    def _next(self, lease: Lease, verdict: Again | Bury) -> tuple[str, Added]:
        """Return where a job goes on, and its text."""
        queue, note = lease.envelope.queue, verdict.note
        if isinstance(verdict, Bury):
            return queue + BURIED, Added(self._packed(lease.envelope, lease.attempt, note))
        text = self._packed(lease.envelope, lease.attempt - verdict.refund, note)
        return queue + (SUSPECTS if note.suspect else ""), Added(text, verdict.delay)

    def close(self) -> None:
        """Give back what an interrupted wait brings yet, and connections."""
        late, self._late = self._late, None
        if late is not None and late.pid == os.getpid():
            try:
                late.socket.settimeout(self.slice_seconds + 1)
                self._hand_back(late.finish())
            except BrokerUnavailable as error:
                logger.debug("what was waited for is left to lapse: %s", error)
        self.bell.close()


def split(place: str) -> tuple[str, str]:
    """Return (queue, kind) of a queue of the server."""
    for kind in (SUSPECTS, BURIED):
        if place.endswith(kind):
            return place.removesuffix(kind), kind
    return place, ""


def handle_of(lease: Lease) -> tuple[str, str]:
    """Return (place, handle) of a lease."""
    kind, handle = lease.token[:1], lease.token[1:]
    return lease.envelope.queue + (SUSPECTS if kind == KINDS[SUSPECTS] else ""), handle


def token_of(lease: Lease, handle: str) -> str:
    """Return the token of a lease under a new handle."""
    return lease.token[:1] + handle


def _is_unchanged(lease: Lease, verdict: Again | Bury) -> bool:
    return (
        isinstance(verdict, Again)
        and verdict.refund
        and verdict.delay <= 0
        and verdict.note == lease.note
    )


def _lapsed(note: Note) -> Note:
    return replace(
        note,
        # Alone when it lapsed, and once more: now it is known to be the one.
        crashes=note.crashes + note.suspect,
        suspect=True,
        ended="its lease lapsed: the worker, or its whole host, is gone",
    )
