"""Jobs on Amazon SQS: the visibility timeout of a message is the lease of a job."""

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django_convoy.brokers.sqs_client import SqsClient
from django_convoy.brokers.sqs_messages import (
    LONGEST_DELAY,
    LONGEST_HOLD,
    NOTE_ROOM,
    Outgoing,
    Writer,
    receipt_of,
)
from django_convoy.brokers.sqs_options import read
from django_convoy.brokers.sqs_queues import Queues
from django_convoy.brokers.sqs_receiving import Receiver
from django_convoy.brokers.sqs_requests import Requests
from django_convoy.brokers.sqs_tending import Tending
from django_convoy.contracts.broker import Adopter, Broker, Counts, Held, Reachable
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import Envelope, Lease
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import Again, Bury, Done, Verdict

logger = logging.getLogger("django_convoy.broker")
MARGIN = 60.0
"""Seconds before the longest hold ends in which a job has to end."""
MOST_REMEMBERED = 1000
LATE = 2.0
"""For so many seconds after it was due a job may still be on its way."""


class SqsBroker(Reachable, Adopter, Broker):
    """Standard or FIFO queues, made on demand. Options: see `sqs_options.SqsOptions`."""

    capabilities = Capabilities(
        priority=False,
        max_delay=timedelta(seconds=LONGEST_DELAY),
        fencing=False,
        max_body=2**20 - NOTE_ROOM,
        keeps=timedelta(days=14),
        browse=False,
        unique=False,
        holders=False,
        ordered=False,
        exclusive=False,
        atomic_batches=False,
        exact_purge=False,
        keeps_place=False,
        late=False,
        longest_lease=timedelta(seconds=LONGEST_HOLD - MARGIN),
    )

    def __init__(self, **given: Any) -> None:
        self.options = options = read(given)
        self._client = client = SqsClient(options)
        self._queues = queues = Queues(client, options)
        self._requests = requests = Requests(client, queues, options)
        self._writer = writer = Writer(options.fifo, options.group, options.max_message)
        self._receiver = Receiver(client, queues, requests, writer, options)
        self._tending = Tending(client, queues, requests, writer, options)
        self._moved: dict[str, None] = {}
        """Tokens of jobs whose new message was sent, until it is known that the old one is gone:
        a settle that is repeated must not send another."""
        self._due: list[float] = []
        """When what this process put off falls due, as a burst asks."""
        self.capabilities = replace(
            self.capabilities,
            # FIFO queues have no delays of their own.
            max_delay=timedelta(seconds=0 if options.fifo else LONGEST_DELAY),
            max_body=options.max_message - NOTE_ROOM,
            exclusive=options.fifo,
        )

    def push(self, envelopes: Iterable[Envelope]) -> None:
        """Send in batches. What is too large is refused before anything is sent."""
        targets: dict[tuple[str, bool], list[Outgoing]] = {}
        for envelope in envelopes:
            targets.setdefault((envelope.queue, False), []).append(self._writer.fresh(envelope))
        self._send_all(targets)

    def adopt(self, jobs: Sequence[Held]) -> None:
        """Send them as they were. Only a FIFO queue knows, for minutes, what is there already."""
        targets: dict[tuple[str, bool], list[Outgoing]] = {}
        for job in jobs:
            buried = job.state == "buried"
            targets.setdefault((job.envelope.queue, buried), []).append(self._writer.adopted(job))
        self._send_all(targets)

    def _send_all(self, targets: Mapping[tuple[str, bool], Sequence[Outgoing]]) -> None:
        total, told = sum(map(len, targets.values())), list[Exception | None]()
        for (queue, buried), messages in targets.items():
            told += self._requests.send(queue, messages, buried=buried)
            if any(told):
                break
        for problem in filter(None, told):
            sent = told.count(None)
            if not sent:
                raise problem
            raise type(problem)(f"{sent} of {total} jobs were sent, others not: {problem}")

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
        """Receive now, or by long polls within `wait` seconds."""
        return self._receiver.claim(queues, limit, lease, wait, may_suspect)

    def interrupt(self) -> None:
        """End a claim that waits."""
        self._receiver.polls.interrupt()

    def renew(self, leases: Sequence[Lease], *, lease: float) -> list[Renewal]:
        """Hide messages for longer, as far as the server can."""
        answers = [Renewal.LOST] * len(leases)
        now = time.time()
        by_queue: dict[str, list[tuple[int, tuple[str, int]]]] = {}
        for index, one in enumerate(leases):
            receipt, received = receipt_of(one)
            left = int(LONGEST_HOLD - (now - received))
            if left > 0:
                hidden = (receipt, min(math.ceil(lease), left))
                by_queue.setdefault(one.envelope.queue, []).append((index, hidden))
        for queue, some in by_queue.items():
            url = self._queues.known(queue)
            if url is None:
                continue
            codes = self._requests.hide(url, [hidden for _, hidden in some])
            for (index, _), code in zip(some, codes, strict=True):
                if not code:
                    answers[index] = Renewal.HELD
        return answers

    def settle(self, settlements: Sequence[tuple[Lease, Verdict]]) -> list[bool]:
        """Delete messages; before that, send what is to be remembered in new ones.

        A death in between leaves a job twice, never not at all.
        """
        answers = [False] * len(settlements)
        problem = self._move(settlements)
        deleted: dict[str, list[tuple[int, str]]] = {}
        hidden: dict[str, list[tuple[int, tuple[str, int]]]] = {}
        for index, (lease, verdict) in enumerate(settlements):
            queue, receipt = lease.envelope.queue, receipt_of(lease)[0]
            if isinstance(verdict, Done) or lease.token in self._moved:
                deleted.setdefault(queue, []).append((index, receipt))
            elif problem is None:  # its text is not known here: it comes again as it is
                pause = math.ceil(verdict.delay) if isinstance(verdict, Again) else 0
                hidden.setdefault(queue, []).append((index, (receipt, min(pause, LONGEST_DELAY))))
        for queue, gone in deleted.items():
            self._note(answers, gone, self._delete, queue)
        for queue, put_off in hidden.items():
            self._note(answers, put_off, self._hide, queue)
        if problem is not None:
            raise problem
        for lease, _ in settlements:
            self._moved.pop(lease.token, None)
        return answers

    def _move(self, settlements: Sequence[tuple[Lease, Verdict]]) -> BrokerUnavailable | None:
        """Send the new messages of jobs that go on; return what went wrong."""
        moves: dict[tuple[str, bool], list[tuple[str, Outgoing]]] = {}
        for lease, verdict in settlements:
            envelope, receipt = lease.envelope, receipt_of(lease)[0]
            if isinstance(verdict, Done) or lease.token in self._moved or not envelope.payload:
                continue
            if isinstance(verdict, Bury):
                out = self._writer.aside(envelope, lease.attempt, verdict.note, receipt)
            else:
                attempt = lease.attempt - verdict.refund
                out = self._writer.again(envelope, attempt, verdict.note, verdict.delay, receipt)
                self._remember_due(verdict.delay)
            buried = isinstance(verdict, Bury)
            moves.setdefault((envelope.queue, buried), []).append((lease.token, out))
        problem: BrokerUnavailable | None = None
        for (queue, buried), some in moves.items():
            told = self._requests.send(queue, [out for _, out in some], buried=buried)
            for (token, _), wrong in zip(some, told, strict=True):
                if wrong is None:
                    self._moved[token] = None
                elif isinstance(wrong, BrokerUnavailable):
                    problem = wrong
                else:
                    logger.error("queue %s: a job comes again without its note: %s", queue, wrong)
        return problem

    def _note(
        self,
        answers: list[bool],
        some: Sequence[tuple[int, Any]],
        act: Callable[[str, Sequence[Any]], list[str]],
        queue: str,
    ) -> None:
        for (index, _), code in zip(some, act(queue, [one for _, one in some]), strict=True):
            answers[index] = not code

    def _delete(self, queue: str, receipts: Sequence[str]) -> list[str]:
        url = self._queues.known(queue)
        return ["gone"] * len(receipts) if url is None else self._requests.delete(url, receipts)

    def _hide(self, queue: str, receipts: Sequence[tuple[str, int]]) -> list[str]:
        url = self._queues.known(queue)
        return ["gone"] * len(receipts) if url is None else self._requests.hide(url, receipts)

    def _remember_due(self, delay: float) -> None:
        if delay > 0:
            self._due = [*self._due[-MOST_REMEMBERED:], time.monotonic() + math.ceil(delay)]

    def next_due(self) -> float | None:
        """Return when something falls due that this process put off: the server does not tell.

        At once where the server has more: a short poll need not have seen all there is.
        """
        now = time.monotonic()
        self._due = [at for at in self._due if at > now - LATE]
        if any(self.counts(queue).ready for queue in self._receiver.names):
            return 0.25
        return max(0.0, min(self._due) - now) if self._due else None

    def counts(self, queue: str) -> Counts:
        """Return what the server says; it is approximate, and may be a minute late."""
        return self._tending.counts(queue)

    def purge(self, queue: str) -> int:
        """Remove the jobs of a queue. While some are held, those that are delayed stay."""
        return self._tending.purge(queue)

    def delete(self, queue: str) -> int:
        """Remove a queue from the server with all its jobs; return how many there were."""
        return self._tending.delete(queue)

    def revive_all(self, queue: str) -> int:
        """Make what is set aside in a queue ready, with clean notes; return how many."""
        return self._tending.revive_all(queue)

    def ping(self) -> None:
        """Raise BrokerUnavailable, or ConfigurationError, if the server cannot be used."""
        self._tending.ping()

    def info(self) -> str:
        """Return in words where the jobs are, and what the server was told to do with them."""
        return self._tending.info()

    def differences(self, queues: Sequence[str]) -> list[str]:
        """Return where dead-letter policies are others than `redrive`: those of queues that were
        there already stay as they are."""
        return [told for queue in queues if (told := self._queues.differing(queue))]

    def close(self) -> None:
        """Give back what was received and not claimed, and connections."""
        self._receiver.polls.close()
        self._client.close()
