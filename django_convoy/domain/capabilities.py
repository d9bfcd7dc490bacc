"""What a broker can do, as data: refused in one place, never emulated."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a broker promises.

    priority: delivers higher priorities of a queue first.
    max_delay: the longest delay it can hold, None for any.
    fencing: a lost lease can change nothing.
    refunds: a job can go back without costing an attempt.
    notes: keeps what happened in earlier runs, so that retries can be counted.
    transactional: the database alias whose transactions an enqueue joins, or None.
    at_most_once: can settle a job before it runs.
    max_body: the largest job in bytes, None for any.
    browse: jobs can be listed, found and removed.
    ordered: jobs of one priority come in the order they were pushed.
    exclusive: no job is handed out twice while its lease lasts.
    atomic_batches: a batch is pushed as a whole or not at all, whatever fails on the way.
    exact_purge: a purge removes all jobs that nobody holds.
    longest_lease: for how long a job can be held, however often that is renewed; None for ever.
    """

    priority: bool = True
    max_delay: timedelta | None = None
    fencing: bool = True
    refunds: bool = True
    notes: bool = True
    transactional: str | None = None
    at_most_once: bool = True
    max_body: int | None = None
    browse: bool = True
    ordered: bool = True
    exclusive: bool = True
    atomic_batches: bool = True
    exact_purge: bool = True
    longest_lease: timedelta | None = None
