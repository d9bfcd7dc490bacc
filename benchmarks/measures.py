"""What is measured, and how: one function each, from a session to a reading."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import procfs
from footprint import bloat, prune, queues, row_size
from readings import Reading, Sizes, Value, run_all
from scaling import atomic, growth, snapshot, workers
from session import BenchmarkError, Session

SHORT_SECONDS = 2.0
GOOD_SECONDS = 4.0
MOST_JOBS = 400_000
IDLE_UNIT_SECONDS = 20
INTERVAL = 0.02  # between the jobs of `latency`
LOAD_INTERVAL = 0.0125  # between the no-op jobs of `latency_load`: 80/s, which the slowest can take
LOADED_INTERVAL = 0.05
LOAD_WARM_UP = 100
LOAD_JOBS = 1_000_000
IO_CONCURRENCY = 10


def drain(session: Session, sizes: Sizes) -> Reading:
    usual = session.store.at_most(sizes.jobs(session.system.drain_jobs))
    n = session.drain_jobs or usual
    run = run_all(session, "noop", n)
    if run.seconds < SHORT_SECONDS and not sizes.quick and n < MOST_JOBS:
        n = min(MOST_JOBS, round(n * GOOD_SECONDS / run.seconds / 10_000 + 1) * 10_000)
        session.drain_jobs = n
        run = run_all(session, "noop", n)
    values = [
        Value("drain", n / run.seconds, "jobs/s", n),
        Value("drain_settled", n / run.settled, "jobs/s", n),
    ]
    return Reading(values, run.foreign)


def cpu(session: Session, sizes: Sizes) -> Reading:
    n = sizes.jobs(session.system.cpu_jobs)
    run = run_all(session, "cpu", n)
    return Reading([Value("cpu", n / run.settled, "jobs/s", n)], run.foreign)


def io(session: Session, sizes: Sizes) -> Reading:
    n = sizes.jobs(session.system.io_jobs)
    with session.with_workers(session.system.processes, IO_CONCURRENCY) as variant:
        run = run_all(session, "io", n)
    return Reading([Value("io", n / run.settled, "jobs/s", n, variant)], run.foreign)


def enqueue(session: Session, sizes: Sizes) -> Reading:
    session.fresh()
    with session.watch() as watch:
        seconds = session.client("enqueue", n=sizes.enqueue)
    value = Value("enqueue", sizes.enqueue / seconds, "jobs/s", sizes.enqueue)
    return Reading([value], watch.foreign)


def bulk(session: Session, sizes: Sizes) -> Reading | None:
    if not session.system.has_bulk:
        return None
    n = session.store.at_most(sizes.bulk)
    session.fresh()
    with session.watch() as watch:
        seconds = session.client("bulk", n=n)
    values = [Value("bulk", n / seconds, "jobs/s", n)]
    foreign = watch.foreign
    if session.system.has_stream and session.store.grows:
        session.fresh()
        with session.watch() as watch:
            stream = session.client("stream", n=sizes.stream)
        values += [
            Value("bulk_stream", sizes.stream / stream["seconds"], "jobs/s", sizes.stream),
            Value("bulk_stream_memory", stream["grown_mib"], "MiB", sizes.stream),
        ]
        foreign = max(foreign, watch.foreign)
    return Reading(values, foreign)


def _percentiles(measure: str, milliseconds: list[float]) -> list[Value]:
    cuts, n = statistics.quantiles(milliseconds, n=20), len(milliseconds)
    return [
        Value(f"{measure}_p50", cuts[9], "ms", n),
        Value(f"{measure}_p95", cuts[18], "ms", n),
    ]


def latency(session: Session, sizes: Sizes) -> Reading:
    session.fresh()
    try:
        session.start_and_warm_up(sizes.settle_seconds)
        with session.watch() as watch:
            milliseconds = session.run_latencies(sizes.latency, INTERVAL)
    finally:
        session.stop()
    return Reading(_percentiles("latency", milliseconds), watch.foreign)


def latency_load(session: Session, sizes: Sizes) -> Reading:
    """Another process enqueues no-op jobs all the time."""
    n = sizes.latency_load
    session.fresh()
    try:
        session.start_and_warm_up(sizes.settle_seconds)
        # It is killed when the block is left.
        with session.started_client("load", n=LOAD_JOBS, interval=LOAD_INTERVAL) as client:
            session.wait_for(LOAD_WARM_UP)
            with session.watch() as watch:
                milliseconds = session.run_latencies(n, LOADED_INTERVAL)
            if client.poll() is not None:
                raise BenchmarkError(f"{session.name}: the load ended, see {session.log}")
    finally:
        session.stop()
    return Reading(_percentiles("latency_load", milliseconds), watch.foreign)


def idle(session: Session, sizes: Sizes) -> Reading:
    session.fresh()
    store = session.store
    try:
        session.start_and_warm_up(sizes.settle_seconds + 1)
        before = session.activity()
        with session.watch() as watch:
            time.sleep(sizes.idle_seconds)
        after = session.activity()
    finally:
        session.stop()
    seconds = sizes.idle_seconds

    def cpu_seconds(which: str) -> float:
        early, late = before[which], after[which]
        used = sum(ns - early.get(thread, 0) for thread, ns in late.items()) / 1e9
        return used * IDLE_UNIT_SECONDS / seconds

    unit = f"CPU s in {IDLE_UNIT_SECONDS} s"
    values = [Value("idle", cpu_seconds("workers"), unit, seconds)]
    if store.server:
        queries = (after["queries"] - before["queries"]) / seconds
        values += [
            Value("idle_server", cpu_seconds("server"), unit, seconds),
            Value("idle_connections", after["connections"], "connections", seconds),
            Value("idle_queries", queries, store.query_unit, seconds),
        ]
    return Reading(values, watch.foreign)


def memory(session: Session, sizes: Sizes) -> Reading:
    session.fresh()
    try:
        with session.watch() as watch:
            session.start_and_warm_up(sizes.settle_seconds)
            value = procfs.pss_mib(session.pids)
            processes = len(procfs.tree(session.pids))
    finally:
        session.stop()
    return Reading([Value("memory", value, "MiB", processes)], watch.foreign)


Measure = Callable[[Session, Sizes], Reading | None]
MEASURES: dict[str, Measure] = {
    measure.__name__: measure
    for measure in (
        drain,
        enqueue,
        bulk,
        latency,
        latency_load,
        cpu,
        io,
        idle,
        memory,
        workers,
        atomic,
        growth,
        snapshot,
        row_size,
        bloat,
        prune,
        queues,
    )
}
ONCE = ("growth", "snapshot", "bloat")  # they take minutes: one round, unless rounds are asked for
