"""A job as a document, readable by whoever looks into the collection, and back."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import encode
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from django_convoy.contracts.broker import Held
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease, Note
from django_convoy.domain.errors import PayloadError

Document = dict[str, Any]
MAX_NOTE = 900_000
"""Bytes that are kept free for the note, below the server's limit of 16 MiB for a document."""
MAX_BODY = 15 * 2**20
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TEXTS = ("queue", "task", "payload", "seal", "key_id")


def document(envelope: Envelope) -> RawBSONDocument:
    """Return a new job, encoded. Raises PayloadError for what cannot be stored.

    Times that are only remembered are text: MongoDB's dates have no microseconds.
    """
    return _encoded(_fields(envelope))


def adopted(held: Held) -> RawBSONDocument:
    """Return a job that comes from another broker. Raises PayloadError."""
    made = _fields(held.envelope)
    made["attempt"] = held.attempt
    made.pop("wake_at", None)
    if held.note.to_json():
        made["note"] = note_text(held.note)
    if held.state == "buried":
        made["state"] = "buried"
    elif held.wake_at is not None:
        made |= {"state": "delayed", "wake_at": _rounded_up(held.wake_at)}
    else:
        made["state"] = "suspect" if held.note.suspect else "ready"
    return _encoded(made)


def _fields(envelope: Envelope) -> Document:
    made: Document = {
        "_id": envelope.id,
        "state": "ready" if envelope.due is None else "delayed",
        "queue": envelope.queue,
        "priority": envelope.priority,
        "task": envelope.task,
        "payload": envelope.payload,
        "seal": envelope.seal,
        "key_id": envelope.key_id,
        "enqueued_at": text_of(envelope.enqueued_at),
        "attempt": 0,
    }
    if envelope.due is not None:
        made["due"] = text_of(envelope.due)
        made["wake_at"] = _rounded_up(envelope.due)
    return made


def _encoded(made: Document) -> RawBSONDocument:
    try:
        raw = encode(made)
    except (BSONError, UnicodeError, OverflowError) as error:
        raise PayloadError(
            f"task {made['task']}: this cannot be stored in MongoDB: {error}"
        ) from None
    if len(raw) - len(made.get("note", "")) > MAX_BODY:
        raise PayloadError(
            f"task {made['task']}: the job has {len(raw):,} bytes, and MongoDB takes at most "
            f"{MAX_BODY:,}. Store the data elsewhere and pass where it is"
        )
    return RawBSONDocument(raw)


def _rounded_up(at: datetime) -> datetime:
    """Return the next whole millisecond, so that nothing comes early."""
    rest = at.microsecond % 1000
    return at + timedelta(microseconds=1000 - rest) if rest else at


def text_of(at: datetime) -> str:
    """Return ISO 8601 in UTC; sorts as the times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: Any) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return at


def envelope_of(found: Document) -> Envelope:
    """Return the envelope. Raises PayloadError for a document that Convoy never made."""
    try:
        job_id, texts = found["_id"], [found[name] for name in _TEXTS]
        if not all(isinstance(one, str) for one in (job_id, *texts)):
            raise TypeError("a field that must be text is not")
        priority, due = found["priority"], found.get("due")
        if isinstance(priority, bool) or not isinstance(priority, int):
            raise TypeError(f"priority is {priority!r}")
        queue, task, payload, seal, key_id = texts
        enqueued_at = _moment(found["enqueued_at"])
        due_at = None if due is None else _moment(due)
        return Envelope(
            job_id, queue, task, payload, seal, key_id, int(priority), enqueued_at, due_at
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise PayloadError(f"not a job of Convoy: {type(error).__name__}: {error}") from None


def lease_of(found: Document) -> Lease:
    """Return the lease of a document that was just claimed. Raises PayloadError."""
    envelope, note, attempt = envelope_of(found), read_note(found.get("note")), found["attempt"]
    return Lease(envelope, found["token"], int(attempt), note)


def held_of(found: Document) -> Held:
    """Return what a browser sees; of a foreign document whatever can be shown."""
    try:
        envelope = envelope_of(found)
        note = read_note(found.get("note"))
    except PayloadError as error:
        queue, task, payload, seal, key_id = (str(found.get(name, "")) for name in _TEXTS)
        envelope = Envelope(str(found["_id"]), queue, task, payload, seal, key_id, 0, _NEVER)
        note = Note(waiting=str(error))
    try:
        started_at = _moment(found["started_at"])
    except (KeyError, TypeError, ValueError):
        started_at = None
    wake_at = found.get("wake_at")
    if not isinstance(wake_at, datetime):
        wake_at = None
    elif envelope.due is not None and timedelta() <= wake_at - envelope.due < _MILLISECOND:
        wake_at = envelope.due
    attempt = found.get("attempt")
    return Held(
        envelope,
        str(found.get("state", "")),
        int(attempt) if isinstance(attempt, int) else 0,
        note,
        str(found.get("worker", "")),
        started_at,
        wake_at,
    )


def note_text(note: Note) -> str:
    """Return the note as JSON; if it is too long, without old tracebacks, or the oldest errors."""
    data = note.to_json()
    text = json.dumps(data)  # in ASCII: BSON takes no half characters, exceptions have them
    errors = list(note.errors)
    if len(text) > MAX_NOTE and errors:
        errors[:-1] = [{**one, "traceback": ""} for one in errors[:-1]]
        text = json.dumps({**data, "errors": errors})
    while len(text) > MAX_NOTE and len(errors) > 1:
        del errors[: len(errors) // 2]
        text = json.dumps({**data, "errors": errors})
    return text


def read_note(text: Any) -> Note:
    """Return the note of a document. Raises PayloadError."""
    if text is None:
        return NO_NOTE
    try:
        return Note.from_json(json.loads(text))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise PayloadError(f"not a note of Convoy: {error}") from None
