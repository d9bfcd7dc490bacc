"""The broker on IronMQ: a reservation is a lease, and its id the token.

The id changes with each touch, so renewals answer `Renewed`. A touch counts as a reservation, so
`reserved_count` says only whether a message came before, and not how often it ran: a job that
lapsed is added anew, with that in its text (`messages.py`).
"""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django_convoy.brokers import wire
from django_convoy.brokers.ironmq_api import BATCH, MAX_DELAY, Api
from django_convoy.brokers.ironmq_client import Client
from django_convoy.brokers.ironmq_settings import NAMES, read
from django_convoy.brokers.messages import (
    BURIED,
    SUSPECTS,
    Added,
    Message,
    MessageBroker,
    Waiting,
    handle_of,
    token_of,
)
from django_convoy.contracts.broker import Counts
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease, Note
from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError, PayloadError
from django_convoy.domain.renewal import Renewal, Renewed
from django_convoy.domain.suggest import unknown

LARGEST = 64 * 1024
EXPIRATION = 30 * 86_400
NOTE_ROOM = 2048
"""Bytes of a message that are left for what happens to its job."""
LONGEST = 86_400
LIMITS_SECONDS = 60.0
"""For so long the limits that were set on a queue are believed."""
SHOWN = 100
OPTIONS = (*NAMES, "config_file", "timeout", "poll", "max_message", "expiration")


class IronMQBroker(MessageBroker):
    """Its options stand in `docs/how-to/ironmq.md`."""

    shortest_lease = 30
    """Seconds: the server gives no shorter reservation, so a shorter lease is rounded up."""
    capabilities = Capabilities(
        priority=False,
        unique=False,
        max_delay=MAX_DELAY,
        max_body=LARGEST - NOTE_ROOM,
        keeps=timedelta(seconds=EXPIRATION),
        browse=False,
        holders=False,
        atomic_batches=False,
        exact_purge=False,
        inventory=False,
        keeps_place=False,
        late=False,
    )

    def __init__(
        self,
        *,
        config_file: str | None = None,
        timeout: float = 10.0,
        poll: int = 5,
        max_message: int = LARGEST,
        expiration: int = EXPIRATION,
        **given: Any,
    ) -> None:
        super().__init__()
        for name in given:
            if name not in NAMES:
                raise ConfigurationError(unknown("option", name, [*OPTIONS, "name"]))
        if not 1 <= poll <= 30:
            raise ConfigurationError(f"poll must be 1 to 30 seconds, not {poll!r}")
        self.slice_seconds = float(poll)
        self._max_message = max_message
        self._api = Api(Client(read(given, config_file), timeout), expiration)
        self._where = self._api.client.settings.where
        self._limits: dict[str, tuple[float, dict[str, Any]]] = {}
        self.capabilities = replace(
            self.capabilities,
            max_body=max_message - NOTE_ROOM,
            keeps=timedelta(seconds=max(expiration, EXPIRATION)),  # a queue may be older than this
        )

    def _packed(self, envelope: Envelope, attempt: int = 0, note: Note = NO_NOTE) -> str:
        text = wire.pack(envelope, attempt, note)
        size, room = len(text.encode(errors="replace")), self._max_message
        if note is NO_NOTE and attempt == 0 and size > room - NOTE_ROOM:
            raise PayloadError(
                f"job {envelope.id} ({envelope.task}) is a message of {size:,} bytes, and at most "
                f"{room - NOTE_ROOM:,} can be sent to IronMQ: pass less, such as the id of a row; "
                "or raise max_message if your plan allows larger ones"
            )
        if size > room:  # many long errors: what counts is how often, not what
            short = replace(
                note, errors=(), workers=(), ended=note.ended[:100], waiting=note.waiting[:100]
            )
            text = wire.pack(envelope, attempt, short)
        return text

    def _add(self, place: str, added: Sequence[Added]) -> None:
        self._api.post(place, added)

    # Claiming

    def _take(
        self, places: Sequence[str], count: int, lease: float, wait: float
    ) -> Sequence[Message]:
        timeout = self._seconds(lease)
        found: list[Message] = []
        if len(places) > 1 or wait < 1:  # one request can wait for one queue only
            for place in places:
                if len(found) < count:
                    found += self._api.reserve(place, count - len(found), timeout)
        if found or wait <= 0:
            return found
        if wait < 1 or not places:
            self.bell.rest(min(wait, self.slice_seconds))
            return []
        seconds = int(wait) if len(places) == 1 else 1
        return self._await(
            places,
            count,
            seconds + self._api.client.timeout,
            lambda: self._begin(places[0], count, timeout, seconds),
        )

    def _begin(self, place: str, count: int, timeout: int, seconds: int) -> Waiting:
        request = self._api.begin(place, count, timeout, seconds)
        return Waiting(request.socket, lambda: self._api.finish(request, place), request.abandon)

    def _seconds(self, lease: float) -> int:
        return min(max(math.ceil(lease), self.shortest_lease), LONGEST)

    def _has(self, place: str) -> bool:
        return self._api.peek(place)

    # Holding

    def renew(self, leases: Sequence[Lease], *, lease: float) -> list[Renewal | Renewed]:
        """Touch each; what cannot be reached within a sixth of the lease is asked for again."""
        handles = [handle_of(one) for one in leases]
        answers: list[Renewal | Renewed] = []
        touched = self._api.touch(handles, self._seconds(lease), lease / 6)
        for one, handle in zip(leases, touched, strict=True):
            if handle is None:
                answers.append(Renewal.BUSY)
            else:
                answers.append(Renewed(token_of(one, handle)) if handle else Renewal.LOST)
        return answers

    def _secure(self, handles: Sequence[tuple[str, str]]) -> Sequence[str]:
        touched = self._api.touch(handles, self.shortest_lease, math.inf)
        if None in touched:
            raise BrokerUnavailable(f"{self._where}: some messages could not be touched")
        return [handle or "" for handle in touched]

    def _drop(self, handles: Sequence[tuple[str, str]]) -> list[bool]:
        return self._api.drop(handles)

    # Limits of the server

    def _dead_letter(self, name: str) -> dict[str, Any]:
        """Return what a queue says of dead letters."""
        until, found = self._limits.get(name, (0.0, {}))
        if time.monotonic() >= until:
            found = (self._api.queue(name) or {}).get("dead_letter") or {}
            self._limits[name] = time.monotonic() + LIMITS_SECONDS, found
        return found

    def _limbo(self, name: str, deliveries: int) -> str:
        dead = self._dead_letter(name)
        if not dead.get("queue_name") or deliveries < int(dead.get("max_reservations", 10)):
            return ""
        return str(dead["queue_name"])

    # Looking

    def counts(self, queue: str) -> Counts:
        """Count; the server does not say which messages are delayed or reserved."""
        ready, suspects, buried = (self._api.size(queue + kind) for kind in ("", SUSPECTS, BURIED))
        dead = self._dead_letter(queue).get("queue_name")
        buried += self._api.size(str(dead)) if dead else 0
        return Counts(ready=ready + suspects, buried=buried)

    def purge(self, queue: str) -> int:
        """Remove what can be reserved; what is delayed stays, as what is held."""
        removed = 0
        for kind in ("", SUSPECTS, BURIED):
            while found := self._api.reserve(queue + kind, BATCH, self.shortest_lease):
                removed += sum(self._api.drop([(one.place, one.handle) for one in found]))
        return removed

    def delete(self, queue: str) -> int:
        """Remove the queue on the server, with all that is in it and what it was set to."""
        return sum(self._api.delete(queue + kind) for kind in ("", SUSPECTS, BURIED))

    def ping(self) -> None:
        """Ask for anything. Raises BrokerUnavailable."""
        self._api.names(1)

    def info(self) -> str:
        """Say what it is, and which limits were set on its queues."""
        lines = [f"IronMQ, API v3, at {self._where}"]
        for name in self._api.names(SHOWN):
            if name.endswith((SUSPECTS, BURIED)):
                continue
            known = self._api.queue(name) or {}
            days = int(known.get("message_expiration", 0)) / 86_400
            line = f"{name}: {known.get('size', 0)} messages, kept for {days:g} days"
            if dead := known.get("dead_letter"):
                line += (
                    f"; to {dead.get('queue_name')} after {dead.get('max_reservations')} "
                    "reservations"
                )
            lines.append(line)
        return "\n".join(lines)

    def close(self) -> None:
        """Give back connections, once what is under way on them has come and was given back."""
        super().close()
        self._api.client.close()
