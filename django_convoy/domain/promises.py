"""The one place where it is refused what a broker cannot do, in a sentence that says what to do.

Asked when a task is declared, as far as its broker's class can tell, and when a job is enqueued.
"""

import json
from datetime import datetime, timedelta

from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import InvalidOption, PayloadError
from django_convoy.domain.options import AT_MOST_ONCE, DEFAULTS, JobOptions

AROUND = 300
"""Bytes of a job beside its payload, at least: the broker has the last word."""
MOST_AROUND = 2048
"""Bytes of a job beside its payload, at most: names have their lengths."""
WIDEST = 4
"""Bytes of a character as it is sent, at most."""


def is_limited(can: Capabilities) -> bool:
    """Return whether there is anything that could be refused below."""
    some = (
        can.priority
        and can.notes
        and can.leases
        and can.at_most_once
        and can.transactional is not None
    )
    limits = can.max_delay, can.max_body, can.longest_lease
    return not some or any(limit is not None for limit in limits)


def check_task(can: Capabilities, broker: str, policy: JobOptions, priority: int) -> None:
    """Raise InvalidOption for what a broker could not keep of what a task says."""
    if priority and not can.priority:
        raise InvalidOption(
            f"priority={priority}: the broker {broker!r} knows no priorities. Give what is urgent "
            "a queue of its own, and name that first: `convoy worker --queues urgent,default`"
        )
    if not can.notes:
        for name in ("retries", "crash_budget"):
            value = getattr(policy, name)
            if value != getattr(DEFAULTS, name):
                raise InvalidOption(
                    f"{name}={value}: the broker {broker!r} keeps no notes of earlier runs, so "
                    f"nobody could count them. Leave {name} out, or use a broker that keeps notes"
                )
    if policy.delivery != AT_MOST_ONCE and not can.leases:
        raise InvalidOption(
            f"delivery={policy.delivery!r}: the broker {broker!r} keeps no job that was claimed, "
            "so that all are delivered at most once. Leave delivery out, or the broker's own"
        )
    if policy.delivery == AT_MOST_ONCE and not can.at_most_once:
        raise InvalidOption(
            f'delivery="at_most_once": the broker {broker!r} cannot settle a job before it runs. '
            "Leave it out, and let the task find out whether it ran"
        )
    longest = can.longest_lease
    if longest is not None and (policy.timeout or 0) > longest.total_seconds():
        raise InvalidOption(
            f"timeout={policy.timeout:g}: the broker {broker!r} holds a job for {_span(longest)} "
            "at most, however often that is renewed, so it would run a second time meanwhile. Let "
            "the task do a part, and enqueue itself for the rest; or use another broker"
        )
    if policy.atomic and can.transactional is None:
        raise InvalidOption(
            f"atomic=True needs a broker in the database that the task writes to, and {broker!r} "
            'is in none. Use broker: "database", or leave atomic out'
        )


def is_too_far(can: Capabilities, due: datetime | None, now: datetime) -> bool:
    """Return whether a job is due later than its broker can hold it: who has another place for
    such a job asks here."""
    return can.max_delay is not None and due is not None and due - now > can.max_delay


def check_job(can: Capabilities, broker: str, envelope: Envelope) -> None:
    """Raise InvalidOption or PayloadError for a job that its broker would not take."""
    due, now = envelope.due, envelope.enqueued_at
    if due is not None and is_too_far(can, due, now):
        raise InvalidOption(
            f"{envelope.task}: run_after is {_span(due - now)} from now, and the broker {broker!r} "
            f"{_holds(can.max_delay)}. Enqueue it later, or use a broker that holds jobs longer"
        )
    if can.max_body is not None and len(envelope.payload) * WIDEST >= can.max_body - AROUND:
        size = _written(envelope.payload) + AROUND
        if size > can.max_body:
            raise too_large(envelope, size, can.max_body, broker, spills=can.shared)


def is_too_large(can: Capabilities, envelope: Envelope) -> bool:
    """Return whether a job may be larger than its broker takes: who has another place for its
    payload asks here."""
    if can.max_body is None or len(envelope.payload) * WIDEST <= can.max_body - MOST_AROUND:
        return False
    return _written(envelope.payload) > can.max_body - MOST_AROUND


def _written(payload: str) -> int:
    return len(json.dumps(payload, ensure_ascii=False).encode())


def too_large(
    envelope: Envelope, size: int, most: int, broker: str, *, spills: bool = False
) -> PayloadError:
    """Return what to raise for a job that is larger than its broker takes.

    size, most: bytes. spills: whether its payload could stay in the site's database.
    """
    spill = ', or set OPTIONS["outbox"] to {"spill": True}' if spills else ""
    return PayloadError(
        f"{envelope.task}: the job has {size:,} bytes, and the broker {broker!r} takes {most:,}. "
        f"Store what is large elsewhere, and pass its key{spill}"
    )


def _span(span: timedelta) -> str:
    return str(timedelta(seconds=round(span.total_seconds())))


def _holds(longest: timedelta | None) -> str:
    return f"holds jobs for {_span(longest)} at most" if longest else "holds no job back"
