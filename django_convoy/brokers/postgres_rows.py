"""Rows as the PostgreSQL broker sends them: lines of a COPY, and what came of jobs."""

from datetime import timedelta
from typing import Any, NamedTuple

from django_convoy.contracts.store import Record
from django_convoy.db.postgres import array, micros


def copy_line(row: list[Any]) -> str:
    """Return a row as COPY reads it. Of what we write, only a payload can need escapes."""
    job_id, queue, task, payload, seal, key_id, priority, state, wake_at, due, at = row
    for plain, escaped in _ESCAPES:
        if plain in payload:
            payload = payload.replace(plain, escaped)
    return (
        f"{job_id}\t{queue}\t{task}\t{payload}\t{seal}\t{key_id}\t{priority}\t{state}\t"
        f"{wake_at or _NULL}\t{due or _NULL}\t{at}\t0\t\t\t\n"
    )


_NULL = "\\N"
_ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))


class Alike(NamedTuple):
    """What jobs that end together mostly have in common. note: as it is stored."""

    token: str
    status: str
    worker: str
    note: str
    keep: timedelta | None


def alone(alike: Alike, record: Record) -> list[Any]:
    """Return the parameters of `finish_one`."""
    expires_at = None if alike.keep is None else record.finished_at + alike.keep
    return [
        record.envelope.id,
        alike.token,
        alike.status,
        record.started_at,
        record.finished_at,
        alike.worker,
        record.result,
        alike.note,
        expires_at,
    ]


def together(alike: Alike, records: list[Record]) -> list[Any]:
    """Return the parameters of `finish`, by id: in that order rows are locked."""
    records.sort(key=_job_id)
    base = records[0].finished_at
    return [
        base,
        array(one.envelope.id for one in records),
        array(one.result for one in records),
        micros(base, (one.started_at for one in records)),
        micros(base, (one.finished_at for one in records)),
        alike.token,
        alike.status,
        base,
        alike.worker,
        alike.note,
        None if alike.keep is None else alike.keep.total_seconds(),
    ]


def _job_id(record: Record) -> str:
    return record.envelope.id
