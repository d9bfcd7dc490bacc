"""What a claim does: receives, waits, and tells suspects, early ones and strangers apart."""

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django_convoy.brokers import sqs_messages
from django_convoy.brokers.sqs_client import THREADS, QueueMissing, SqsClient
from django_convoy.brokers.sqs_messages import Incoming, Writer
from django_convoy.brokers.sqs_options import SqsOptions
from django_convoy.brokers.sqs_polling import Message, Polls
from django_convoy.brokers.sqs_queues import Queues
from django_convoy.brokers.sqs_requests import Requests
from django_convoy.domain.envelope import Lease
from django_convoy.domain.errors import BrokerUnavailable, PayloadError

logger = logging.getLogger("django_convoy.broker")
TICK = 1.0
"""Seconds after which a claim that waits asks again for which queues."""
PROBATION_PAUSE = 2.0
"""Seconds until a suspect is offered again that must not be run now, and until who found nothing
else asks again: so that those who may run them get them."""
LONGEST_HIDE = 11 * 3600
ATTRIBUTES = ["ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp"]
MARKS = [sqs_messages.NOT_BEFORE, sqs_messages.WAS_BURIED]


@dataclass(slots=True)
class _Search:
    """What a claim wants, and what it has. careful: whether to take one at a time."""

    limit: int
    lease: float
    may_suspect: Callable[[], bool]
    careful: bool = False
    found: list[Incoming] = field(default_factory=list)
    problem: Exception | None = None

    @property
    def room(self) -> int:
        return (1 if self.careful else self.limit) - len(self.found)


class Receiver:
    """One broker's claims. names: of the queues that were claimed from last."""

    def __init__(
        self,
        client: SqsClient,
        queues: Queues,
        requests: Requests,
        writer: Writer,
        options: SqsOptions,
    ) -> None:
        self._client = client
        self._queues = queues
        self._requests = requests
        self._writer = writer
        self._options = options
        self.polls = Polls(self._too_late)
        self.names: list[str] = []
        self._plenty: set[str] = set()
        """Queues that had as much as was asked for."""
        self._asks_at: dict[str, float] = {}
        """When to ask queues again that had nothing but suspects for others."""
        self._careful = False
        """Whether the last claim brought a suspect: what else comes with one has to go back."""

    def claim(
        self,
        queues: Iterable[str],
        limit: int,
        lease: float,
        wait: float,
        may_suspect: Callable[[], bool],
    ) -> list[Lease]:
        """Receive at once; then by long polls, until there is something or the time is over."""
        deadline = time.monotonic() + wait
        try:
            self.names = list(queues)
            search = _Search(limit, lease, may_suspect, self._careful)
            self._take(search)
            for name in self._asked():
                self._receive(name, search)
            while not (leases := self._choose(search)):
                left = deadline - time.monotonic()
                if left <= 0 or self.polls.interrupted:
                    break
                search = _Search(limit, lease, may_suspect, self._careful)
                self.names = list(queues)
                self._wait(left, search)
            return leases
        finally:
            self.polls.forget()

    def _wait(self, left: float, search: _Search) -> None:
        polled, names = min(self._options.wait, int(left)), self._asked()
        for name in names if polled else ():
            self.polls.begin(name, partial(self._ask, name, search, search.room, polled))
        self.polls.rest(min(left, TICK))
        if self.polls.interrupted:
            return
        self._take(search)
        for name in () if polled else names:
            self._receive(name, search)

    def _asked(self) -> list[str]:
        now = time.monotonic()
        return [name for name in self.names if now >= self._asks_at.get(name, 0.0)]

    def _ask(self, queue: str, search: _Search, most: int, wait: int = 0) -> Sequence[Message]:
        parameters: dict[str, Any] = {
            "MaxNumberOfMessages": min(most, self._options.bulk),
            "VisibilityTimeout": max(1, math.ceil(search.lease)),
            "WaitTimeSeconds": wait,
            "MessageSystemAttributeNames": ATTRIBUTES,
            "MessageAttributeNames": MARKS,
        }
        verb, patience = "receive_message", float(self._options.wait if wait else 0)
        try:
            url = self._queues.url(queue)
            answer = self._client.call(verb, patience, QueueUrl=url, **parameters)
        except QueueMissing:
            self._queues.forget(queue)
            url = self._queues.url(queue)
            answer = self._client.call(verb, patience, QueueUrl=url, **parameters)
        return list(answer.get("Messages", []))

    def _receive(self, queue: str, search: _Search) -> None:
        """Receive what is there: ten first, unless there was plenty the last time; then by many
        calls at a time, while they are full."""
        calls = THREADS if queue in self._plenty else 1
        self._plenty.discard(queue)
        while search.room > 0 and search.problem is None:
            bulk = self._options.bulk
            calls = min(calls, math.ceil(search.room / bulk))
            asked = [min(bulk, search.room - n * bulk) for n in range(calls)]
            began, came = time.time(), 0
            for messages, problem in self._client.each(
                lambda most: self._try(queue, search, most), asked
            ):
                search.problem = search.problem or problem
                came += len(messages)
                self._admit(queue, messages, began, search)
            if search.careful and search.found and not search.found[0].note.suspect:
                search.careful = False  # those are over, it seems
            elif came <= sum(asked) / 2:
                return
            self._plenty.add(queue)
            calls = THREADS

    def _try(
        self, queue: str, search: _Search, most: int
    ) -> tuple[Sequence[Message], Exception | None]:
        try:
            return self._ask(queue, search, most), None
        except Exception as error:  # what other calls brought must not be lost for that
            return (), error

    def _take(self, search: _Search) -> None:
        for catch in self.polls.take():
            search.problem = search.problem or catch.error
            self._admit(catch.queue, catch.messages, catch.received, search)

    def _choose(self, search: _Search) -> list[Lease]:
        """Return what is to be run now; the rest goes back. A suspect is run alone."""
        found, back = search.found, list[Incoming]()
        suspects = [one for one in found if one.note.suspect]
        if found:
            self._careful = False
        if suspects and search.may_suspect():
            self._careful = True
            back = [one for one in found if one is not suspects[0]]
            found = suspects[:1]
        elif suspects:
            found = [one for one in found if not one.note.suspect]
            self._give_back(suspects, PROBATION_PAUSE)
            if search.room > 0:  # with less room, others may lie behind them
                until = time.monotonic() + PROBATION_PAUSE
                only = {one.envelope.queue for one in suspects}
                only -= {one.envelope.queue for one in found}
                self._asks_at.update(dict.fromkeys(only, until))
        back += found[search.limit :]
        self._give_back(back)
        if search.problem is not None and not found:
            raise search.problem
        places = {name: place for place, name in enumerate(self.names)}
        kept = sorted(
            found[: search.limit],
            key=lambda one: (
                places.get(one.envelope.queue, 0),
                -one.envelope.priority,
                one.envelope.id,
            ),
        )
        return [one.lease for one in kept]

    def _admit(
        self, queue: str, messages: Sequence[Message], received: float, search: _Search
    ) -> None:
        early = []
        for message in messages:
            try:
                one = sqs_messages.read(message, queue, received)
            except PayloadError as error:
                self._set_aside(queue, message, error)
                continue
            if one.pause > 0:
                early.append(one)
            else:
                search.found.append(one)
        if early:
            self._put_off(queue, early)

    def _put_off(self, queue: str, early: Sequence[Incoming]) -> None:
        """Hide what came too early until it is due; what cannot be hidden so long is sent anew."""
        hidden = [(one.receipt, min(math.ceil(one.pause), LONGEST_HIDE)) for one in early]
        with contextlib.suppress(BrokerUnavailable):  # it comes again when its lease lapses
            codes = self._requests.hide(self._queues.url(queue), hidden)
            for one, code in zip(early, codes, strict=True):
                if code:
                    self._give_back([one], one.pause)

    def _set_aside(self, queue: str, message: Message, error: PayloadError) -> None:
        """Move what is no job to where buried jobs are, as it is."""
        body, receipt = message.get("Body", ""), message["ReceiptHandle"]
        with contextlib.suppress(BrokerUnavailable):  # it comes again
            out = self._writer.foreign(body, receipt)
            if any(self._requests.send(queue, [out], buried=True)):
                return
            self._requests.delete(self._queues.url(queue), [receipt])
            name = self._queues.name(queue, buried=True)
            logger.warning("queue %s: set aside in %s: %s", queue, name, error)

    def _give_back(self, some: Sequence[Incoming], pause: float = 0.0) -> None:
        """Send jobs anew that were received and not run, since a second receipt of the same
        message tells of a lease that lapsed. What cannot be sent now comes when it lapses."""
        by_queue: dict[str, list[Incoming]] = {}
        for one in some:
            by_queue.setdefault(one.envelope.queue, []).append(one)
        for queue, ours in by_queue.items():
            out = [
                self._writer.again(one.envelope, one.attempt, one.note, pause, one.receipt)
                for one in ours
            ]
            with contextlib.suppress(BrokerUnavailable):
                told = self._requests.send(queue, out)
                gone = [one.receipt for one, wrong in zip(ours, told, strict=True) if wrong is None]
                self._requests.delete(self._queues.url(queue), gone)

    def _too_late(self, queue: str, messages: Sequence[Message], received: float) -> None:
        """Nobody waits any more for what a poll brought."""
        search = _Search(len(messages), 0.0, lambda: False)
        self._admit(queue, messages, received, search)
        self._give_back(search.found)
