"""Runs in a system's virtualenv: `python client.py OPERATION JSON-ARGUMENTS`.

Prints its answer as a line of JSON.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import jobs
import stores
from systems import current
from systems.system import System

BATCH = 1_000


def memory_kib(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise LookupError(field)


def find_task(system: System, name: str) -> Any:
    return getattr(importlib.import_module(system.tasks), name)


def version(system: System) -> str:
    return importlib.metadata.version(system.distribution)


def prepare(system: System) -> None:
    system.prepare()


def fill(system: System, task: str, n: int) -> None:
    """Enqueue n jobs the fastest way there is; nobody looks at the time."""
    found = find_task(system, task)
    if system.has_bulk:
        sizes = (min(BATCH, n - start) for start in range(0, n, BATCH))
        system.run_calls(system.bulk(found), (([()] * size,) for size in sizes))
    else:
        system.run_calls(system.enqueuer(found), repeat((), n))


def enqueue(system: System, n: int) -> float:
    """Seconds of n calls one after the other; the first call (it connects) is not counted."""
    call = system.enqueuer(find_task(system, "noop"))
    system.run_calls(call, [()])
    start = time.monotonic()
    system.run_calls(call, repeat((), n))
    return time.monotonic() - start


def bulk(system: System, n: int) -> float:
    call = system.bulk(find_task(system, "noop"))
    batch = ([()] * BATCH,)
    system.run_calls(call, [batch])
    start = time.monotonic()
    system.run_calls(call, repeat(batch, n // BATCH))
    return time.monotonic() - start


def stream(system: System, n: int) -> dict[str, float]:
    """Seconds of one call with a generator of n jobs, and how much memory it took at its peak."""
    call = system.bulk(find_task(system, "noop"))
    call([()] * BATCH)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = memory_kib("VmRSS")
    start = time.monotonic()
    call(() for _ in range(n))
    seconds = time.monotonic() - start
    return {"seconds": seconds, "grown_mib": (memory_kib("VmHWM") - before) / 1024}


def paced(n: int, interval: float) -> Iterator[int]:
    at = time.monotonic()
    for index in range(n):
        at += interval
        time.sleep(max(0.0, at - time.monotonic()))
        yield index


def latency(system: System, n: int, interval: float) -> None:
    call = system.enqueuer(find_task(system, "latency"))
    system.run_calls(call, ((index, time.monotonic_ns()) for index in paced(n, interval)))


def load(system: System, n: int, interval: float) -> None:
    """A steady stream of no-op jobs."""
    call = system.enqueuer(find_task(system, "noop"))
    system.run_calls(call, (() for _ in paced(n, interval)))


def updated(system: System) -> int:
    return system.updated()


def tables(system: System, verb: str) -> Any:
    """What the tables of a system say, or what is done to them."""
    return getattr(system.tables(), verb)()


def spread(system: System, task: str, n: int, queues: int) -> None:
    """Enqueue n jobs into many queues."""
    system.tables().spread(find_task(system, task), n, queues)


def claims(system: System, n: int) -> float:
    """Seconds of the claims of n jobs."""
    return system.tables().claim(n)


def settled(system: System, n: int, timeout: float) -> int | None:
    """Wait for n jobs to end and then for the store to say so; when that was, in nanoseconds."""

    def polls(interval: float) -> Iterator[None]:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            yield
            time.sleep(interval)

    system.unsettled()
    print("ready", flush=True)
    if all(jobs.total() < n for _ in polls(0.02)):
        return None
    if all(system.unsettled() for _ in polls(stores.current().look_seconds)):
        return None
    return time.monotonic_ns()


OPERATIONS: dict[str, Callable[..., Any]] = {
    operation.__name__: operation
    for operation in (
        version,
        prepare,
        fill,
        enqueue,
        bulk,
        stream,
        latency,
        load,
        updated,
        tables,
        spread,
        claims,
        settled,
    )
}


def main() -> None:
    system = current()
    system.setup()
    result = OPERATIONS[sys.argv[1]](system, **json.loads(sys.argv[2]))
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
