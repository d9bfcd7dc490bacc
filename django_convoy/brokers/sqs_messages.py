"""A job as a message: its text, its size, and what can be told of it when it comes back.

Bodies cannot be changed. What there is to remember of a job that goes back is in a new message;
the old one is deleted then. So a message that is received twice was not settled in between.
"""

import hashlib
import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django_convoy.brokers import wire
from django_convoy.contracts.broker import Held
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease, Note
from django_convoy.domain.errors import PayloadError

LONGEST_DELAY = 900
LONGEST_HOLD = 12 * 3600
"""Seconds that a message can be held, from when it was received, however often that is renewed."""
NOTE_ROOM = 8 * 1024
"""Bytes that a job leaves free in its message for what is remembered of its runs."""
LAPSED = "its lease lapsed: the worker, or its whole host, is gone"
NOT_BEFORE, WAS_BURIED = "NotBefore", "Buried"
"""Attributes of messages: microseconds since 1970 before which a job is not run, where the server
cannot hold it for so long; and that it was set aside."""
_ATTRIBUTE = 100
"""Bytes that one of them counts as, at most."""
_UNFIT = re.compile("[\ufffe\uffff\ud800-\udfff]")
"""What JSON leaves as it is, and SQS refuses. (Control characters are escaped by JSON.)"""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send. delay: whole seconds. dedup, group: for FIFO queues."""

    body: str
    size: int
    delay: int
    group: str
    dedup: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A received message, read. attempt: runs that may have started before this one.

    suspect: it is to be run alone. pause: seconds until it may be run; 0: now.
    """

    envelope: Envelope
    attempt: int
    note: Note
    receipt: str
    received: float
    pause: float

    @property
    def lease(self) -> Lease:
        """The right to run it."""
        token = f"{self.received:.0f}:{self.receipt}"
        return Lease(self.envelope, token, self.attempt + 1, self.note)


def receipt_of(lease: Lease) -> tuple[str, float]:
    """Return (the receipt that a lease goes by, when it was received)."""
    received, _, receipt = lease.token.partition(":")
    return receipt, float(received)


def text(envelope: Envelope, attempt: int, note: Note) -> str:
    """Return the body."""
    return _UNFIT.sub(lambda one: f"\\u{ord(one[0]):04x}", wire.pack(envelope, attempt, note))


def text_that_fits(envelope: Envelope, attempt: int, note: Note, most: int) -> str:
    """Return a body of at most `most` bytes, if that can be had by remembering less."""
    body = text(envelope, attempt, note)
    for shorter in (_without_tracebacks, _without_errors):
        if size_of(body) <= most:
            break
        body = text(envelope, attempt, shorter(note))
    return body


def _without_tracebacks(note: Note) -> Note:
    return replace(
        note,
        errors=tuple(
            {**one, "traceback": "", "message": str(one.get("message", ""))[:200]}
            for one in note.errors[-10:]
        ),
        workers=note.workers[-10:],
    )


def _without_errors(note: Note) -> Note:
    return replace(note, errors=(), workers=note.workers[-1:])


def size_of(body: str) -> int:
    """Return the bytes that the server counts."""
    return len(body) if body.isascii() else len(body.encode())


class Writer:
    """Makes messages. fifo: for FIFO queues; group: by what their jobs are grouped."""

    def __init__(self, fifo: bool, group: str, most: int) -> None:
        self._fifo = fifo
        self._group = group
        self._most = most

    def fresh(self, envelope: Envelope) -> Outgoing:
        """Return the message of a new job. Raises PayloadError for one that is too large."""
        body, due = self._body(envelope), envelope.due
        delay = 0.0 if due is None else max(0.0, due.timestamp() - time.time())
        return self._outgoing(envelope, body, delay, envelope.id)

    def adopted(self, job: Held) -> Outgoing:
        """Return the message of another broker's job. Raises PayloadError, as for a new one."""
        self._body(job.envelope)
        if job.state == "buried":
            return self.aside(job.envelope, job.attempt, job.note, "")
        delay = 0.0 if job.wake_at is None else max(0.0, job.wake_at.timestamp() - time.time())
        return self.again(job.envelope, job.attempt, job.note, delay, "")

    def _body(self, envelope: Envelope) -> str:
        body = text(envelope, 0, NO_NOTE)
        size = size_of(body)
        if size > self._most - NOTE_ROOM:
            raise PayloadError(
                f"job {envelope.id} ({envelope.task}): a message of {size:,} bytes is more than "
                f"the {self._most - NOTE_ROOM:,} that SQS has room for (max_message="
                f"{self._most:,}, less {NOTE_ROOM:,} for what is remembered of a job's runs). "
                "Pass less: a key, or the name of a file, instead of what it stands for"
            )
        return body

    def again(
        self, envelope: Envelope, attempt: int, note: Note, delay: float, receipt: str
    ) -> Outgoing:
        """Return the message that takes the place of a received one."""
        body = text_that_fits(envelope, attempt, note, self._most - 2 * _ATTRIBUTE)
        digest = hashlib.sha256(receipt.encode()).hexdigest()[:32]
        return self._outgoing(envelope, body, delay, f"{envelope.id}-{digest}")

    def aside(self, envelope: Envelope, attempt: int, note: Note, receipt: str) -> Outgoing:
        """Return the message of a job that is set aside."""
        out = self.again(envelope, attempt, note, 0.0, receipt)
        mark = {WAS_BURIED: {"DataType": "String", "StringValue": "1"}}
        return replace(out, attributes=mark, size=out.size + _ATTRIBUTE)

    def revived(self, one: Incoming) -> Outgoing:
        """Return the message of a job that was set aside and starts anew."""
        return self.again(one.envelope, 0, NO_NOTE, 0.0, one.receipt)

    def foreign(self, body: str, receipt: str) -> Outgoing:
        """Return the message of something that is no job, to be set aside as it is."""
        digest = hashlib.sha256(receipt.encode()).hexdigest()
        group, dedup = ("foreign", digest) if self._fifo else ("", "")
        return Outgoing(body, size_of(body), 0, group, dedup, {})

    def _outgoing(self, envelope: Envelope, body: str, delay: float, dedup: str) -> Outgoing:
        attributes: dict[str, Any] = {}
        size = size_of(body)
        if delay > (0 if self._fifo else LONGEST_DELAY):
            until = int((time.time() + delay) * 1_000_000)
            attributes[NOT_BEFORE] = {"DataType": "Number", "StringValue": str(until)}
            size += _ATTRIBUTE
        if not self._fifo:
            return Outgoing(body, size, min(math.ceil(delay), LONGEST_DELAY), "", "", attributes)
        group = {"job": envelope.id, "task": envelope.task, "queue": "queue"}[self._group]
        if len(group) > 128 or not group.isascii():
            group = hashlib.sha256(group.encode()).hexdigest()
        return Outgoing(body, size, 0, group, dedup, attributes)


def batches(messages: Iterable[Outgoing], most: int, size: int) -> Iterator[list[Outgoing]]:
    """Yield them in batches of at most `most` messages and `size` bytes together."""
    batch: list[Outgoing] = []
    room = size
    for one in messages:
        if batch and (len(batch) == most or one.size > room):
            yield batch
            batch, room = [], size
        batch.append(one)
        room -= one.size
    if batch:
        yield batch


def read(message: Mapping[str, Any], queue: str, received: float) -> Incoming:
    """Return what a message says. Raises PayloadError for what is no job of this queue."""
    try:
        return _read(message, queue, received)
    except (KeyError, TypeError, ValueError) as error:
        raise PayloadError(f"not a job of this version: {error}") from None


def _read(message: Mapping[str, Any], queue: str, received: float) -> Incoming:
    envelope, attempt, note = wire.unpack(message["Body"])
    if envelope.queue != queue:
        raise PayloadError(f"a job of queue {envelope.queue!r}")
    attributes, marks = message.get("Attributes", {}), message.get("MessageAttributes", {})
    lapses = int(attributes.get("ApproximateReceiveCount", 1)) - 1
    first = int(attributes.get("ApproximateFirstReceiveTimestamp", 0)) / 1000
    if WAS_BURIED in marks:  # somebody moved it back
        attempt, note = 0, NO_NOTE
    pause = 0.0
    if NOT_BEFORE in marks:
        until = int(marks[NOT_BEFORE]["StringValue"]) / 1_000_000
        if first < until:  # by the server's clock: it came too early once, and was not run
            pause = max(0.0, until - (time.time() if lapses else first))
            lapses = max(0, lapses - 1)
    if lapses:
        charged = lapses if note.suspect else lapses - 1
        note = replace(note, suspect=True, crashes=note.crashes + charged, ended=LAPSED)
    return Incoming(envelope, attempt + lapses, note, message["ReceiptHandle"], received, pause)
