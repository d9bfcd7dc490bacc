"""What a broker can do, as data: refused in one place, never emulated."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a broker promises.

    priority: delivers higher priorities of a queue first.
    max_delay: the longest delay it can hold, None for any.
    leases: holds a claimed job until it is settled, and delivers it again if it never is. Without,
        whoever claims a job has the only copy: all tasks are delivered at most once.
    fencing: a lost lease can change nothing.
    refunds: a job can go back without costing an attempt.
    notes: keeps what happened in earlier runs, so that retries can be counted.
    transactional: the database alias whose transactions an enqueue joins, or None.
    at_most_once: can settle a job before it runs.
    max_body: the largest job in bytes, None for any.
    browse: jobs can be listed, found and removed.
    """

    priority: bool = True
    max_delay: timedelta | None = None
    leases: bool = True
    fencing: bool = True
    refunds: bool = True
    notes: bool = True
    transactional: str | None = None
    at_most_once: bool = True
    max_body: int | None = None
    browse: bool = True
