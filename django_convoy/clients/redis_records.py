"""A record as one text, and under which key: for the store, and for the broker beside it."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from django_convoy.clients.redis_settings import Place
from django_convoy.contracts.store import SUCCESSFUL, Record, Retention
from django_convoy.domain.envelope import NO_NOTE, Envelope, Note
from django_convoy.domain.errors import PayloadError

VERSION = 1
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
Kept = tuple[str, int, str]
"""Key, milliseconds that it is kept for (0: for ever), value."""


def record_key(place: Place, job_id: str) -> str:
    """Return the key of a job's record."""
    return f"{place.prefix}:result:{job_id}"


def awaited_key(place: Place) -> str:
    """Return the key that is there while somebody waits for a record."""
    return f"{place.prefix}:awaited"


class Records:
    """What a store of records on a Redis server says, so that a broker can write there, too."""

    def __init__(self, place: Place, retention: Retention) -> None:
        self.place = place
        self._successes = _millis(retention.successes)
        self._failures = _millis(retention.failures)

    def kept(self, record: Record) -> Kept:
        """Return a record as `keep.lua` takes it."""
        if record.keep is not None:
            life = _millis(record.keep)
        else:
            life = self._successes if record.status == SUCCESSFUL else self._failures
        return record_key(self.place, record.envelope.id), life, dump(record)


def _millis(keep: timedelta | None) -> int:
    return 0 if keep is None else max(1, math.ceil(keep.total_seconds() * 1000))


def dump(record: Record) -> str:
    """Return a record as text: "+" or "-", then a JSON list."""
    one = record.envelope
    text = _encode(
        [
            VERSION,
            record.status,
            record.attempt,
            None if record.note is NO_NOTE else record.note.to_json(),
            record.result,
            _seconds(record.started_at),
            record.finished_at.timestamp(),
            None if record.keep is None else record.keep.total_seconds(),
            record.worker,
            one.id,
            one.queue,
            one.task,
            one.payload,
            one.seal,
            one.key_id,
            one.priority,
            one.enqueued_at.timestamp(),
            _seconds(one.due),
        ]
    )
    return ("+" if record.status == SUCCESSFUL else "-") + text


def load(data: bytes) -> Record:
    """Return the record. Raises PayloadError for what `dump` never made."""
    try:
        version, status, attempt, note, result, started, finished, keep, worker, *job = json.loads(
            data[1:]
        )
        if version != VERSION:
            raise ValueError(f"version {version!r}")
        job_id, queue, task, payload, seal, key_id, priority, enqueued, due = job
        return Record(
            Envelope(
                job_id, queue, task, payload, seal, key_id, priority, _at(enqueued), _time(due)
            ),
            status,
            attempt,
            Note.from_json(note or {}),
            result,
            _time(started),
            _at(finished),
            None if keep is None else timedelta(seconds=keep),
            worker,
        )
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise PayloadError(f"not a record of this version: {data[:60]!r} ({error})") from None


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _at(seconds: Any) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _time(seconds: Any) -> datetime | None:
    return None if seconds is None else _at(seconds)
