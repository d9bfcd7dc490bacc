"""Which limits are measured on which store; the scripts do it, each in a process of its own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import limit_sqlite
from readings import Sizes
from stores import Store

ONE = "1 process"
TWO = "2 processes"
MERGED = "2 processes, merged"
PGBENCH = "pgbench, 2 clients"
REDIS_BENCHMARK = "redis-benchmark"
LPUSH = "redis-py LPUSH"
THREADS = "2 processes, 8 threads each"
CPU_JOBS = 20_000


@dataclass(frozen=True)
class Limit:
    """A script and one of its variants."""

    script: str
    variant: str
    measures: tuple[str, ...]
    program: str = ""  # of the server's own benchmark

    def arguments(self, measure: str, n: int, store: Store) -> list[str]:
        place = [store.url, self.program] if store.server else [str(store.folder)]
        return [measure, self.variant, str(n), *place]


def size(measure: str, sizes: Sizes, store: Store) -> int:
    if measure == "cpu":
        return sizes.jobs(CPU_JOBS)
    n = sizes.limit if measure in ("drain", "bulk") else sizes.enqueue
    return store.at_most(n)


def find(store: Store) -> list[Limit]:
    limits = {
        "sqlite": _sqlite,
        "postgres": _postgres,
        "redis": _redis,
        "mongodb": _mongodb,
        "sqs": _sqs,
        "sqs-10ms": _sqs,
    }
    return limits[store.name](store)


def _sqlite(_: Store) -> list[Limit]:
    script, others = "limit_sqlite.py", [name for name in limit_sqlite.VARIANTS if name != ONE]
    return [
        Limit(script, ONE, ("drain", "enqueue", "bulk")),
        *(Limit(script, variant, ("drain",)) for variant in others),
    ]


def _postgres(store: Store) -> list[Limit]:
    assert store.server is not None
    script = "limit_postgres.py"
    found = [
        Limit(script, ONE, ("drain", "enqueue", "bulk", "atomic")),
        Limit(script, TWO, ("drain", "atomic")),
        Limit(script, MERGED, ("drain", "cpu")),
    ]
    program = Path(store.server.programs) / "pgbench"
    if program.exists():
        found.append(Limit(script, PGBENCH, ("drain",), str(program)))
    return found


def _redis(_: Store) -> list[Limit]:
    script = "limit_redis.py"
    found = [Limit(script, ONE, ("drain", "enqueue", "bulk")), Limit(script, TWO, ("drain",))]
    found.append(Limit(script, LPUSH, ("enqueue",)))
    if program := shutil.which("redis-benchmark") or shutil.which("valkey-benchmark"):
        found.append(Limit(script, REDIS_BENCHMARK, ("drain", "enqueue"), program))
    return found


def _mongodb(_: Store) -> list[Limit]:
    script = "limit_mongodb.py"
    return [Limit(script, ONE, ("drain", "enqueue", "bulk")), Limit(script, TWO, ("drain",))]


def _sqs(_: Store) -> list[Limit]:
    script = "limit_sqs.py"
    return [
        Limit(script, ONE, ("drain", "enqueue", "bulk")),
        Limit(script, TWO, ("drain",)),
        Limit(script, THREADS, ("drain", "bulk")),
    ]
