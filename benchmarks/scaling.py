"""Measures of what grows: processes, the backlog, and what others keep alive."""

from __future__ import annotations

from contextlib import nullcontext

import jobs
from readings import Reading, Sizes, Value, run_all
from session import BenchmarkError, Session

FIRST = 10_000
ATOMIC_JOBS = 10_000
LAST = 10_000
LONGEST_SECONDS = 600


def workers(session: Session, sizes: Sizes) -> Reading | None:
    """The drain with more and fewer processes."""
    if not session.system.scales:
        return None
    n = session.drain_jobs or session.store.at_most(sizes.jobs(session.system.drain_jobs))
    values, foreign = [], 0.0
    for processes in sizes.workers:
        with session.with_workers(processes) as variant:
            run = run_all(session, "noop", n)
        values.append(Value(f"workers_{processes}", n / run.seconds, "jobs/s", n, variant))
        foreign = max(foreign, run.foreign)
    return Reading(values, foreign)


def atomic(session: Session, sizes: Sizes) -> Reading | None:
    """Jobs that commit one UPDATE together with their own end."""
    if not session.system.has_atomic:
        return None
    n = sizes.jobs(ATOMIC_JOBS)
    run = run_all(session, "update", n)
    if (updates := session.client("updated")) != n:
        raise BenchmarkError(f"{session.name}: {n:,} jobs left {updates:,} updates behind")
    return Reading([Value("atomic", n / run.settled, "jobs/s", n)], run.foreign)


def growth(session: Session, sizes: Sizes) -> Reading | None:
    """The rate of the first jobs when many wait behind them."""
    if not (session.system.has_bulk and session.store.grows):
        return None
    values, foreign = [], 0.0
    for waiting in sizes.growth:
        session.fresh()
        session.client("fill", task="noop", n=waiting)
        try:
            with session.watch() as watch:
                session.start()
                done, at = session.wait_for(FIRST, interval=0.005)
        finally:
            session.stop()
        rate = done / ((at - jobs.span()[0]) / 1e9)
        values.append(Value(f"growth_{short(waiting)}", rate, "jobs/s", done))
        foreign = max(foreign, watch.foreign)
    return Reading(values, foreign)


def short(n: int) -> str:
    return f"{n // 1_000_000}m" if n >= 1_000_000 else f"{n // 1_000}k"


def snapshot(session: Session, sizes: Sizes) -> Reading | None:
    """The rate of the last jobs of many, whose dead rows a snapshot may keep from being removed."""
    if not (session.system.has_stream and session.store.has_snapshots):
        return None
    values, foreign = [], 0.0
    total = sizes.snapshot + LAST
    for name, held in (("snapshot_none", False), ("snapshot_held", True)):
        session.fresh()
        session.client("fill", task="noop", n=total)
        try:
            with (
                session.store.snapshot() if held else nullcontext(),
                session.watch() as watch,
            ):
                session.start()
                before, start = session.wait_for(sizes.snapshot, 0.01, LONGEST_SECONDS)
                target = min(before + LAST, total)
                after, end = session.wait_for(target, 0.01, LONGEST_SECONDS / 10)
        finally:
            session.stop()
        rate = (after - before) / ((end - start) / 1e9)
        values.append(Value(name, rate, "jobs/s", before))
        foreign = max(foreign, watch.foreign)
    return Reading(values, foreign)
