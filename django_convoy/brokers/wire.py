"""A job as one text, for brokers that keep nothing but values."""

import json
from datetime import UTC, datetime, timedelta

from django_convoy.domain.envelope import NO_NOTE, Envelope, Note
from django_convoy.domain.errors import PayloadError

VERSION = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_text = json.encoder.encode_basestring


def pack(envelope: Envelope, attempt: int = 0, note: Note = NO_NOTE) -> str:
    """Return a job with what is remembered of it, as a JSON list.

    attempt: runs that may have started before the value is claimed again.
    """
    one = envelope
    due = "null" if one.due is None else micros(one.due)
    remembered = "{}" if note is NO_NOTE else json.dumps(note.to_json(), ensure_ascii=False)
    # By hand, since this is in the way of each enqueue: an encoder takes twice the time.
    return (
        f"[{VERSION},{_text(one.id)},{_text(one.queue)},{_text(one.task)},{_text(one.payload)},"
        f"{_text(one.seal)},{_text(one.key_id)},{one.priority},{micros(one.enqueued_at)},{due},"
        f"{attempt},{remembered}]"
    )


def unpack(text: str | bytes) -> tuple[Envelope, int, Note]:
    """Return (envelope, attempt, note). Raises PayloadError for anything that `pack` never made."""
    try:
        (
            version,
            job_id,
            queue,
            task,
            payload,
            seal,
            key_id,
            priority,
            enqueued,
            due,
            attempt,
            note,
        ) = json.loads(text)
        texts = (job_id, queue, task, payload, seal, key_id)
        if version != VERSION or not all(isinstance(one, str) for one in texts):
            raise ValueError(f"version {version!r}")
        envelope = Envelope(
            job_id,
            queue,
            task,
            payload,
            seal,
            key_id,
            int(priority),
            moment(enqueued),
            None if due is None else moment(due),
        )
        return envelope, int(attempt), Note.from_json(note)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        shown = text[:60]
        raise PayloadError(f"not a job of this version: {shown!r} ({error})") from None


def micros(at: datetime) -> int:
    """Return microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def moment(since: int) -> datetime:
    """Return the time so many microseconds after 1970. Raises OverflowError, TypeError."""
    return _EPOCH + timedelta(microseconds=since)
