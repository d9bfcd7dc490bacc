"""A job as Redis keeps it: a body that never changes, and a note beside it once there is one.

A body is the priority, which scripts read, and the job's text. A note is "attempts lapses suspect
{...}": scripts count the leases that lapsed since it was written, and never touch its JSON.
"""

import json
from dataclasses import replace

from django_convoy.brokers import wire
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease, Note
from django_convoy.domain.errors import PayloadError

LAPSED = "its lease lapsed: the worker, or its whole host, is gone"


def member(lease: Lease) -> str:
    """Return what a lease is called on the server."""
    return f"{lease.envelope.id}:{lease.token}"


def write_body(envelope: Envelope) -> str:
    """Return a job as text."""
    return f"{envelope.priority} {wire.pack(envelope)}"


def read_body(body: bytes | None, job_id: bytes, queue: str) -> Envelope:
    """Return the job that stands under an id of a queue. Raises PayloadError."""
    if body is None:
        raise PayloadError("there is nothing under its id")
    envelope = wire.unpack(body[body.find(b" ") + 1 :])[0]
    if (envelope.id.encode(), envelope.queue) != (job_id, queue):
        raise PayloadError("it is another job than it stands for")
    return envelope


def write_note(attempts: int, note: Note) -> str:
    """Return what is remembered of a job; nothing where there is nothing."""
    data = note.to_json()
    if not (attempts or data):
        return ""
    return f"{attempts} 0 {int(note.suspect)} {json.dumps(data) if data else ''}"


def read_note(text: bytes | None) -> tuple[int, Note]:
    """Return (attempts so far, note), with what lapsed leases add. Raises PayloadError."""
    if not text:
        return 0, NO_NOTE
    try:
        attempts, lapses, _, data = text.split(b" ", 3)
        note, lapsed = Note.from_json(json.loads(data) if data else {}), int(lapses)
        if lapsed:
            # Alone when it lapsed, and once more: now it is known to be the one.
            crashes = note.crashes + lapsed - (not note.suspect)
            note = replace(note, crashes=crashes, suspect=True, ended=LAPSED)
        return int(attempts), note
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise PayloadError(f"not a note of this version: {text[:60]!r} ({error})") from None
