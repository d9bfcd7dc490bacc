"""What a measure gives back, how much of everything it takes, and the run that most share."""

from __future__ import annotations

from dataclasses import dataclass

import jobs
from session import BenchmarkError, Session


@dataclass(frozen=True)
class Value:
    measure: str
    value: float
    unit: str
    n: int
    variant: str | None = None  # where the workers were not set up as usual


@dataclass(frozen=True)
class Reading:
    """The values of one measure, and the cores that others used while it was taken."""

    values: list[Value]
    foreign: float


@dataclass(frozen=True)
class Sizes:
    """How much of everything; see QUICK for a look, which is not for quoting."""

    enqueue: int = 10_000
    bulk: int = 100_000
    stream: int = 1_000_000
    latency: int = 500
    latency_load: int = 300
    idle_seconds: int = 20
    settle_seconds: float = 2.0
    limit: int = 150_000
    growth: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    workers: tuple[int, ...] = (1, 2, 4)
    snapshot: int = 1_000_000
    footprint: tuple[int, ...] = (100_000, 500_000)
    quick: bool = False

    def jobs(self, n: int) -> int:
        return max(1_000, n // 3) if self.quick else n


FULL = Sizes()
QUICK = Sizes(
    enqueue=2_000,
    bulk=20_000,
    stream=100_000,
    latency=100,
    latency_load=60,
    idle_seconds=5,
    settle_seconds=1.0,
    limit=30_000,
    growth=(10_000, 100_000),
    snapshot=200_000,
    footprint=(20_000,),
    quick=True,
)


@dataclass(frozen=True)
class Run:
    """Seconds from the first job's start to the last one's end, and to the settled store."""

    seconds: float
    settled: float
    foreign: float


def run_all(session: Session, task: str, n: int) -> Run:
    """Run n jobs that wait before the workers start."""
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
    return Run((last - first) / 1e9, (max(settled, last) - first) / 1e9, watch.foreign)
