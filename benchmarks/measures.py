"""What is measured, and how: one function each, from a session to a reading."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import jobs
import procfs
from session import BenchmarkError, Session

SHORT_SECONDS = 2.0
GOOD_SECONDS = 4.0
MOST_JOBS = 400_000
IDLE_UNIT_SECONDS = 20


@dataclass(frozen=True)
class Value:
    measure: str
    value: float
    unit: str
    n: int


@dataclass(frozen=True)
class Reading:
    """The values of one measure, and the cores that others used while it was taken."""

    values: list[Value]
    foreign: float


@dataclass
class Sizes:
    """How much of everything; `quick` is for a look, not for quoting."""

    quick: bool = False
    enqueue: int = field(init=False)
    bulk: int = field(init=False)
    stream: int = field(init=False)
    latency: int = field(init=False)
    idle_seconds: int = field(init=False)
    settle_seconds: float = field(init=False)
    limit: int = field(init=False)

    def __post_init__(self) -> None:
        self.enqueue = 2_000 if self.quick else 10_000
        self.bulk = 20_000 if self.quick else 100_000
        self.stream = 100_000 if self.quick else 1_000_000
        self.latency = 100 if self.quick else 500
        self.idle_seconds = 5 if self.quick else 20
        self.settle_seconds = 1.0 if self.quick else 2.0
        self.limit = 30_000 if self.quick else 150_000

    def jobs(self, n: int) -> int:
        return max(1_000, n // 3) if self.quick else n


def _run_all(session: Session, task: str, n: int) -> tuple[float, float, float]:
    """Run n waiting jobs: seconds to the last job's end, to the settled store, foreign cores."""
    session.fresh()
    session.client("fill", task=task, n=n)
    with session.started_client("settled", n=n, timeout=300) as client:
        assert client.stdout is not None
        client.stdout.readline()
        try:
            with session.watch() as watch:
                session.start()
                session.wait_for(n)
                settled = session.answer(client)
        finally:
            session.stop()
    if settled is None:
        raise BenchmarkError(f"{session.name}: jobs ended, but the store did not say so")
    if (done := jobs.total()) != n:
        raise BenchmarkError(f"{session.name}: {n:,} jobs were enqueued and {done:,} runs counted")
    first, last = jobs.span()
    return (last - first) / 1e9, (max(settled, last) - first) / 1e9, watch.foreign


def drain(session: Session, sizes: Sizes) -> Reading:
    n = session.drain_jobs or sizes.jobs(session.system.drain_jobs)
    seconds, settled, foreign = _run_all(session, "noop", n)
    if seconds < SHORT_SECONDS and not sizes.quick and n < MOST_JOBS:
        n = min(MOST_JOBS, round(n * GOOD_SECONDS / seconds / 10_000 + 1) * 10_000)
        session.drain_jobs = n
        seconds, settled, foreign = _run_all(session, "noop", n)
    values = [
        Value("drain", n / seconds, "jobs/s", n),
        Value("drain_settled", n / settled, "jobs/s", n),
    ]
    return Reading(values, foreign)


def cpu(session: Session, sizes: Sizes) -> Reading:
    n = sizes.jobs(session.system.cpu_jobs)
    _, settled, foreign = _run_all(session, "cpu", n)
    return Reading([Value("cpu", n / settled, "jobs/s", n)], foreign)


def enqueue(session: Session, sizes: Sizes) -> Reading:
    session.fresh()
    with session.watch() as watch:
        seconds = session.client("enqueue", n=sizes.enqueue)
    value = Value("enqueue", sizes.enqueue / seconds, "jobs/s", sizes.enqueue)
    return Reading([value], watch.foreign)


def bulk(session: Session, sizes: Sizes) -> Reading | None:
    if not session.system.has_bulk:
        return None
    session.fresh()
    with session.watch() as watch:
        seconds = session.client("bulk", n=sizes.bulk)
    values = [Value("bulk", sizes.bulk / seconds, "jobs/s", sizes.bulk)]
    foreign = watch.foreign
    if session.system.has_stream:
        session.fresh()
        with session.watch() as watch:
            stream = session.client("stream", n=sizes.stream)
        values += [
            Value("bulk_stream", sizes.stream / stream["seconds"], "jobs/s", sizes.stream),
            Value("bulk_stream_memory", stream["grown_mib"], "MiB", sizes.stream),
        ]
        foreign = max(foreign, watch.foreign)
    return Reading(values, foreign)


def latency(session: Session, sizes: Sizes) -> Reading:
    session.fresh()
    try:
        session.start_and_warm_up(sizes.settle_seconds)
        with session.watch() as watch:
            milliseconds = session.run_latencies(sizes.latency, 0.02)
    finally:
        session.stop()
    percentiles = statistics.quantiles(milliseconds, n=20)
    values = [
        Value("latency_p50", percentiles[9], "ms", sizes.latency),
        Value("latency_p95", percentiles[18], "ms", sizes.latency),
    ]
    return Reading(values, watch.foreign)


def idle(session: Session, sizes: Sizes) -> Reading:
    session.fresh()
    try:
        session.start_and_warm_up(sizes.settle_seconds + 1)
        before = procfs.run_ns(session.pids)
        with session.watch() as watch:
            time.sleep(sizes.idle_seconds)
        after = procfs.run_ns(session.pids)
    finally:
        session.stop()
    used = sum(ns - before.get(thread, 0) for thread, ns in after.items()) / 1e9
    value = used * IDLE_UNIT_SECONDS / sizes.idle_seconds
    return Reading([Value("idle", value, "CPU s in 20 s", sizes.idle_seconds)], watch.foreign)


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


MEASURES: dict[str, Callable[[Session, Sizes], Reading | None]] = {
    measure.__name__: measure for measure in (drain, enqueue, bulk, latency, cpu, idle, memory)
}
HIGHER_IS_BETTER = {"drain", "drain_settled", "enqueue", "bulk", "bulk_stream", "cpu"}
