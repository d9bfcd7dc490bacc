"""Live jobs in a list, and everything that is known of one job."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django_convoy.contracts.broker import Held
from django_convoy.contracts.store import Record
from django_convoy.core.codec import Call
from django_convoy.domain.envelope import Envelope, Note
from django_convoy.domain.errors import ConvoyError
from django_convoy.insight.site import Site, browser


@dataclass(frozen=True, slots=True)
class Live:
    """A job that is not over, in a list. Times are aware."""

    id: str
    queue: str
    task: str
    state: str
    attempt: int
    priority: int
    enqueued_at: datetime
    wake_at: datetime | None
    started_at: datetime | None
    worker: str
    waiting: str


@dataclass(frozen=True, slots=True)
class Detail:
    """Everything that is known of one job.

    state: of a live job, as its broker has it; of a finished one, its status.
    unreadable: why call or result cannot be shown; empty when they can.
    """

    id: str
    queue: str
    task: str
    state: str
    finished: bool
    attempt: int
    priority: int
    key_id: str
    enqueued_at: datetime
    due: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    wake_at: datetime | None
    worker: str
    note: Note
    call: Call | None = None
    has_result: bool = False
    result: Any = field(default=None)
    unreadable: str = ""


def live(
    site: Site, *, queue: str = "", state: str = "", task: str = "", limit: int = 100
) -> list[Live]:
    """Return live jobs, oldest first. Raises ConfigurationError, see `site.browser`."""
    broker = browser(site)
    if queue:
        names = [site.full_name(queue)]
    else:
        # Queue by queue: another namespace's jobs must not use up the limit.
        names = [full for full in broker.queues() if site.short_name(full) is not None]
    # Without a filter of ours the broker's own limit is exact.
    reach = limit if not task else max(limit, 10_000)
    lists = [broker.jobs(queue=name, state=state, limit=reach) for name in names]
    merged: Iterable[Held] = heapq.merge(*lists, key=lambda held: held.envelope.id)
    chosen = (held for held in merged if task in held.envelope.task)
    return [_live(site, held) for held in islice(chosen, limit)]


def _live(site: Site, held: Held) -> Live:
    envelope = held.envelope
    return Live(
        id=envelope.id,
        queue=site.short_name(envelope.queue) or envelope.queue,
        task=envelope.task,
        state=held.state,
        attempt=held.attempt,
        priority=envelope.priority,
        enqueued_at=envelope.enqueued_at,
        wake_at=held.wake_at,
        started_at=held.started_at,
        worker=held.worker,
        waiting=held.note.waiting,
    )


def find(site: Site, job_id: str) -> Detail | None:
    """Return what is known of a job; its arguments are read only if the signature is right."""
    pair = site.shared
    found: Record | Held | None = pair.store.get(job_id)
    if found is None and pair.view is not None:
        # It may finish between the two looks, so the store is asked once more.
        found = pair.view.find(job_id) or pair.store.get(job_id)
    if found is None or site.short_name(found.envelope.queue) is None:
        return None
    envelope, unreadable, spill = found.envelope, [], pair.spill
    call, result, has_result = None, None, False
    try:
        call = site.codec.open(envelope if spill is None else spill.whole(envelope))
    except ConvoyError as error:
        unreadable.append(f"arguments: {error}")
    if isinstance(found, Record) and found.result is not None:
        try:
            result, has_result = site.codec.load_result(envelope.id, found.result), True
        except ConvoyError as error:
            unreadable.append(f"result: {error}")
    return _detail(site, found, envelope, call, has_result, result, "; ".join(unreadable))


def _detail(
    site: Site,
    found: Record | Held,
    envelope: Envelope,
    call: Call | None,
    has_result: bool,
    result: Any,
    unreadable: str,
) -> Detail:
    record = found if isinstance(found, Record) else None
    held = found if isinstance(found, Held) else None
    return Detail(
        id=envelope.id,
        queue=site.short_name(envelope.queue) or envelope.queue,
        task=envelope.task,
        state=record.status if record else held.state if held else "",
        finished=record is not None,
        attempt=found.attempt,
        priority=envelope.priority,
        key_id=envelope.key_id,
        enqueued_at=envelope.enqueued_at,
        due=envelope.due,
        started_at=found.started_at,
        finished_at=record.finished_at if record else None,
        wake_at=held.wake_at if held else None,
        worker=record.worker if record else held.worker if held else "",
        note=found.note,
        call=call,
        has_result=has_result,
        result=result,
        unreadable=unreadable,
    )
