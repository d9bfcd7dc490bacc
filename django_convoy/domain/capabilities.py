"""What a broker can do, as data: refused in one place, never emulated."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a broker promises.

    priority: delivers higher priorities of a queue first.
    max_delay: the longest delay it can hold itself, None for any.
    leases: holds a claimed job until it is settled, and delivers it again if it never is. Without,
        whoever claims a job has the only copy: all tasks are delivered at most once.
    fencing: a lost lease can change nothing.
    refunds: a job can go back without costing an attempt.
    notes: keeps what happened in earlier runs, so that retries can be counted.
    transactional: the alias of the database whose transactions an enqueue joins, or None.
    at_most_once: can settle a job before it runs.
    max_body: the largest job in bytes, as the broker writes it, None for any.
    keeps: for how long a job is kept that nobody takes, None for ever.
    browse: jobs can be listed, found and removed.
    unique: a job that is pushed twice, by its id, is there once.
    shared: other processes find its jobs, so that workers can run them.
    holders: can say who holds a job, and since when it runs.
    atomic_batches: a batch is pushed as a whole or not at all, whatever fails on the way.
    exact_purge: a purge removes all jobs that nobody holds.
    inventory: knows how many jobs are delayed and leased.
    keeps_place: a job that is handed back ready keeps its place among the others.
    late: a lapsed lease that nobody took yet may still be renewed and settled.
    fixed_lease: how long every lease lasts, whatever is asked for; None: as long as asked for.
    ordered: jobs of one priority come in the order they were pushed.
    exclusive: no job is handed out twice while its lease lasts.
    longest_lease: for how long a job can be held, however often that is renewed; None for ever.
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
    keeps: timedelta | None = None
    browse: bool = True
    unique: bool = True
    shared: bool = True
    holders: bool = True
    atomic_batches: bool = True
    exact_purge: bool = True
    inventory: bool = True
    keeps_place: bool = True
    late: bool = True
    fixed_lease: timedelta | None = None
    ordered: bool = True
    exclusive: bool = True
    longest_lease: timedelta | None = None
