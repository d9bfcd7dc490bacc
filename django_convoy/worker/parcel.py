"""Leases and outcomes as bytes in shared memory.

`marshal`, because it is the quickest that keeps these plain tuples exact, and both sides run
the same interpreter; what cannot be read is left to lapse.
"""

import marshal
from datetime import UTC, datetime, timedelta

from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease, Note
from django_convoy.domain.outcome import Succeeded

UNREADABLE = (ValueError, EOFError, TypeError, KeyError)
"""What reading raises where the board holds something else: it is being written, or damaged."""


def pack_lease(lease: Lease, room: int) -> bytes:
    """Return a lease as bytes; without its payload where that does not fit."""
    one = lease.envelope
    note = None if lease.note is NO_NOTE else lease.note.to_json()
    head = (
        one.id,
        one.queue,
        one.task,
        one.seal,
        one.key_id,
        one.priority,
        one.enqueued_at.timestamp(),
        None if one.due is None else one.due.timestamp(),
        lease.token,
        lease.attempt,
    )
    data = marshal.dumps((*head, one.payload, note))
    if len(data) > room:
        data = marshal.dumps((*head, None, note))
    if len(data) > room:  # many long errors: what counts is how often, not what
        short = {"failures": lease.note.failures, "crashes": lease.note.crashes}
        data = marshal.dumps((*head, None, short))
    return data


def unpack_lease(data: bytes, newest: str = "") -> tuple[Lease, bool]:
    """Return (lease, whether it is complete). Raises ValueError, EOFError, TypeError.

    newest: the token that a renewal gave, if one did.
    """
    (job_id, queue, task, seal, key_id, priority, enqueued, due, token, attempt, payload, note) = (
        marshal.loads(data)  # noqa: S302 - written by our own worker
    )
    envelope = Envelope(
        job_id,
        queue,
        task,
        payload or "",
        seal,
        key_id,
        priority,
        datetime.fromtimestamp(enqueued, UTC),
        None if due is None else datetime.fromtimestamp(due, UTC),
    )
    return (
        Lease(envelope, newest or token, attempt, Note.from_json(note or {})),
        payload is not None,
    )


def pack_outcome(
    outcome: Succeeded,
    started_at: datetime,
    finished_at: datetime,
    keep: timedelta | None,
    worker: str,
) -> bytes:
    """Return a success as bytes. Others are settled at once, and never stand on the board."""
    seconds = None if keep is None else keep.total_seconds()
    return marshal.dumps(
        (outcome.result, started_at.timestamp(), finished_at.timestamp(), seconds, worker)
    )


def unpack_outcome(data: bytes) -> tuple[Succeeded, datetime, datetime, timedelta | None, str]:
    """Return (outcome, started at, finished at, keep, worker)."""
    result, started, finished, keep, worker = marshal.loads(data)  # noqa: S302 - our own
    return (
        Succeeded(result),
        datetime.fromtimestamp(started, UTC),
        datetime.fromtimestamp(finished, UTC),
        None if keep is None else timedelta(seconds=keep),
        worker,
    )
