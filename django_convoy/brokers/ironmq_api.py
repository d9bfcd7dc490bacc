"""What can be asked of IronMQ's queues, and in which bites."""

import math
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from django_convoy.brokers.ironmq_client import Client, Pending, Refused
from django_convoy.brokers.messages import ABANDON_SECONDS, Added, Message
from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError

MAX_DELAY = timedelta(days=7)
BATCH, BATCH_BYTES = 100, 256 * 1024
"""The most messages of a request, and bytes of their bodies."""
GONE = (403, 404)
"""The reservation timed out; there is no such message."""
REMEMBERED = 1000


class Api:
    """Queues of one project. expiration: seconds for which a queue that is made keeps messages."""

    def __init__(self, client: Client, expiration: int) -> None:
        self.client = client
        self._expiration = expiration
        self._known: set[str] = set()
        self._dropped: dict[tuple[str, str], None] = {}
        self._unsure: set[tuple[str, str]] = set()
        self._touching: dict[str, tuple[Pending, float]] = {}

    # Queues

    def queue(self, place: str) -> dict[str, Any] | None:
        """Return what is known of a queue, None where there is none."""
        answer = self._ask("GET", _path(place), missing={})
        found = answer.get("queue")
        return found if isinstance(found, dict) else None

    def size(self, place: str) -> int:
        """Return how many messages there are, whatever their state."""
        return int((self.queue(place) or {}).get("size", 0))

    def names(self, limit: int) -> list[str]:
        """Return the names of queues."""
        answer = self._ask("GET", f"queues?per_page={limit}")
        return [str(one.get("name")) for one in answer.get("queues", [])]

    def ensure(self, place: str) -> None:
        """Make a queue that keeps messages for long; one that is there stays as it is."""
        if place not in self._known:
            if self.queue(place) is None:
                settings = {"message_expiration": self._expiration, "type": "pull"}
                self._ask("PUT", _path(place), {"queue": settings})
            self._known.add(place)

    def delete(self, place: str) -> int:
        """Remove a queue; return how many messages it had."""
        size = self.size(place)
        self._ask("DELETE", _path(place), missing={})
        self._known.discard(place)
        return size

    # Messages

    def post(self, place: str, added: Sequence[Added]) -> None:
        """Add messages, in order, in as many requests as it takes."""
        self.ensure(place)
        batch: list[dict[str, Any]] = []
        room = BATCH_BYTES
        for one in added:
            body = one.body if isinstance(one.body, str) else one.body.decode()
            size = len(body.encode(errors="replace"))
            if batch and (room < size or len(batch) == BATCH):
                self._ask("POST", f"{_path(place)}/messages", {"messages": batch})
                batch, room = [], BATCH_BYTES
            room -= size
            seconds = min(math.ceil(one.delay), int(MAX_DELAY.total_seconds()))
            batch.append({"body": body, "delay": seconds} if seconds else {"body": body})
        self._ask("POST", f"{_path(place)}/messages", {"messages": batch})

    def reserve(self, place: str, count: int, timeout: int) -> list[Message]:
        """Take what is there."""
        wanted = {"n": min(count, BATCH), "timeout": timeout}
        answer = self._ask("POST", f"{_path(place)}/reservations", wanted, missing={})
        return _messages(place, answer)

    def begin(self, place: str, count: int, timeout: int, wait: int) -> Pending:
        """Ask for what is there, or comes within so many seconds."""
        self.ensure(place)
        wanted = {"n": min(count, BATCH), "timeout": timeout, "wait": wait}
        patience = wait + self.client.timeout
        return self.client.begin("POST", f"{_path(place)}/reservations", wanted, timeout=patience)

    def finish(self, request: Pending, place: str) -> list[Message]:
        """Return what came of it."""
        try:
            return _messages(place, request.finish())
        except Refused as refused:
            if refused.status == 404:
                self._known.discard(place)  # somebody removed it; the next one makes it anew
                return []
            raise _error(refused) from refused

    def peek(self, place: str) -> bool:
        """Return whether a message could be reserved."""
        return bool(self._ask("GET", f"{_path(place)}/messages?n=1", missing={}).get("messages"))

    def touch(
        self, handles: Sequence[tuple[str, str]], seconds: int, within: float
    ) -> list[str | None]:
        """Hold messages anew; return for each the new handle, "" for one that is not held any
        more, None for one that could not be asked for in time. The API has no batch for this."""
        now = time.monotonic()
        end = now + within
        for handle, (request, since) in list(self._touching.items()):
            if now - since > ABANDON_SECONDS:
                request.abandon()
                del self._touching[handle]

        def one(place: str, handle: str) -> Callable[[], str | BrokerUnavailable | None]:
            return lambda: self._touch(place, handle, seconds, end - time.monotonic())

        answers = self.client.each([one(*pair) for pair in handles])
        broken = [answer for answer in answers if isinstance(answer, BrokerUnavailable)]
        if broken and len(broken) == len(answers):
            raise broken[0]
        return [None if isinstance(answer, BrokerUnavailable) else answer for answer in answers]

    def _touch(
        self, place: str, handle: str, seconds: int, left: float
    ) -> str | BrokerUnavailable | None:
        if left <= 0:
            return None
        message, reservation = handle.split(":", 1)
        wanted = {"reservation_id": reservation, "timeout": seconds}
        path = f"{_path(place)}/messages/{quote(message, safe='')}/touch"
        # One that was not answered yet may have been done: the new handle comes with its reply.
        request, _ = self._touching.pop(handle, (None, 0.0))
        try:
            request = request or self.client.begin("POST", path, wanted)
            if not request.is_there(min(left, self.client.timeout)):
                self._touching[handle] = request, time.monotonic()
                return BrokerUnavailable(f"{self.client.settings.where}: no answer to a touch")
            return f"{message}:{request.finish().get('reservation_id', '')}"
        except BrokerUnavailable as error:
            return error
        except Refused as refused:
            if refused.status in GONE:
                return ""
            raise _error(refused) from refused

    def drop(self, handles: Sequence[tuple[str, str]]) -> list[bool]:
        """Delete reserved messages; return which were ours to delete."""
        answers = dict.fromkeys(handles, False)
        places: dict[str, list[tuple[str, str]]] = {}
        for pair in answers:
            if pair not in self._dropped:
                places.setdefault(pair[0], []).append(pair)
        try:
            for place, pairs in places.items():
                for start in range(0, len(pairs), BATCH):
                    chosen = pairs[start : start + BATCH]
                    if len(chosen) > 1 and self._drop_batch(place, chosen):
                        answers.update(dict.fromkeys(chosen, True))
                    else:
                        # Of a batch that was refused a part may be gone.
                        self._unsure.update(chosen if len(chosen) > 1 else ())
                        done = self.client.each([self._dropper(*pair) for pair in chosen])
                        answers.update(zip(chosen, done, strict=True))
        except BrokerUnavailable:
            self._unsure.update(answers)  # what is not there when we ask again, we have deleted
            raise
        self._unsure.difference_update(answers)
        self._dropped.update(dict.fromkeys(pair for pair in answers if answers[pair]))
        while len(self._dropped) > REMEMBERED:
            del self._dropped[next(iter(self._dropped))]
        return [answers[pair] for pair in handles]

    def _drop_batch(self, place: str, pairs: Sequence[tuple[str, str]]) -> bool:
        ids = [
            {"id": message, "reservation_id": reservation}
            for message, _, reservation in (handle.partition(":") for _, handle in pairs)
        ]
        assert ids  # noqa: S101 - without any, the server would clear the queue
        try:
            self.client.call("DELETE", f"{_path(place)}/messages", {"ids": ids})
        except Refused as refused:
            if refused.status in GONE:
                return False
            raise _error(refused) from refused
        return True

    def _dropper(self, place: str, handle: str) -> Callable[[], bool]:
        message, _, reservation = handle.partition(":")

        def call() -> bool:
            path = f"{_path(place)}/messages/{quote(message, safe='')}"
            try:
                self.client.call("DELETE", path, {"reservation_id": reservation})
            except Refused as refused:
                if refused.status in GONE:
                    return refused.status == 404 and (place, handle) in self._unsure
                raise _error(refused) from refused
            return True

        return call

    def _ask(self, method: str, path: str, body: Any = None, missing: Any = None) -> Any:
        """Do a request. missing: the answer where there is no such queue."""
        try:
            return self.client.call(method, path, body)
        except Refused as refused:
            if refused.status == 404 and missing is not None:
                return missing
            raise _error(refused) from refused


def _path(place: str) -> str:
    return f"queues/{quote(place, safe='')}"


def _messages(place: str, answer: Any) -> list[Message]:
    found = []
    for one in answer.get("messages") or ():
        try:
            handle = f"{one['id']}:{one['reservation_id']}"
            lapses = 1 if int(one.get("reserved_count") or 1) > 1 else 0
            found.append(Message(place, handle, str(one.get("body", "")), lapses))
        except (TypeError, KeyError, ValueError):
            continue  # nothing that could be settled; its reservation times out
    return found


def _error(refused: Refused) -> ConfigurationError:
    return ConfigurationError(f"IronMQ refused a request: {refused}")
