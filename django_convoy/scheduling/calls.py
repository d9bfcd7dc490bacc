"""The signed call of a schedule, and the job that a firing makes of it.

Whoever can write to the table cannot have other tasks run, or other arguments: the seal covers
task, queue, arguments, the schedule's name and the argument that gets the intended time. When it
fires is not signed, as it is not for jobs.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings

from django_convoy.core.codec import Call, Codec
from django_convoy.db.fields import to_local
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import InvalidSchedule
from django_convoy.scheduling.rules import Rule
from django_convoy.scheduling.table import Row


def seal(
    codec: Codec, backend: str, name: str, queue: str, task: str, intended: str, call: Call
) -> tuple[str, str, str]:
    """Return (payload, seal, key id) of a schedule's call. Raises PayloadError."""
    return codec.seal(_identity(backend, name, intended), queue, task, call)


def _identity(backend: str, name: str, intended: str) -> str:
    # No job's id looks like this, so neither seal can be taken for the other.
    return f"schedule:{backend}:{intended}:{name}"


def signed(row: Row) -> Envelope:
    """Return a schedule's call as what a codec opens."""
    return Envelope(
        _identity(row.backend, row.name, row.intended),
        row.queue,
        row.task,
        row.payload,
        row.seal,
        row.key_id,
        row.priority,
        row.created_at,
    )


def jobs(
    codec: Codec, row: Row, rule: Rule, times: Sequence[datetime], ids: Sequence[str], now: datetime
) -> list[Envelope]:
    """Return a job for each intended time. Raises SignatureError, UnknownFields, PayloadError."""
    call = signed(row)
    made = []
    for intended, job_id in zip(times, ids, strict=True):
        if row.intended:
            opened = codec.open(call)
            kwargs = {**opened.kwargs, row.intended: told(rule, intended)}
            again = Call(opened.args, kwargs, opened.options)
            payload, seal, key_id = codec.seal(job_id, row.queue, row.task, again)
        else:
            payload = row.payload
            seal, key_id = codec.seal_again(call, job_id)
        made.append(Envelope(job_id, row.queue, row.task, payload, seal, key_id, row.priority, now))
    return made


def told(rule: Rule, intended: datetime) -> Any:
    """Return an intended time as a task gets it: in the schedule's zone; naive without USE_TZ."""
    return rule.local(intended) if settings.USE_TZ else to_local(intended)


@lru_cache(maxsize=10_000)
def rule_of(text: str) -> Rule:
    """Return the rule of a row. Raises InvalidSchedule."""
    try:
        return Rule.from_json(json.loads(text))
    except ValueError as error:
        raise InvalidSchedule(f"its rule cannot be read: {error}") from None
