"""The job bodies that every system runs, and the shared memory in which they count themselves.

No lock and no I/O in a job: each thread owns one 64-byte slot `[count, first start, last end]` of a
mapped file, in nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import atexit
import fcntl
import logging
import mmap
import os
import shutil
import tempfile
import threading
from pathlib import Path
from time import monotonic_ns, sleep, thread_time_ns

SLOTS = 4096
WORDS = 8
LATENCIES = 100_000
CPU_NS = 1_000_000
IO_SECONDS = 0.01


def _folder() -> Path:
    """The runner makes it and what it starts inherits it, so no other run's end can remove it."""
    if "BENCH_JOBS" not in os.environ:
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
        os.environ["BENCH_JOBS"] = tempfile.mkdtemp(prefix="convoy-benchmarks-", dir=memory)
        atexit.register(shutil.rmtree, os.environ["BENCH_JOBS"], ignore_errors=True)
    return Path(os.environ["BENCH_JOBS"])


FOLDER = _folder()

# A line of log for each job would measure the terminal; it is off for every system alike.
logging.disable(logging.INFO)


def _map(name: str, words: int) -> memoryview:
    descriptor = os.open(FOLDER / name, os.O_RDWR | os.O_CREAT, 0o600)
    if os.fstat(descriptor).st_size < words * 8:
        os.ftruncate(descriptor, words * 8)
    mapped = mmap.mmap(descriptor, words * 8)
    os.close(descriptor)
    return memoryview(mapped).cast("q")


counters = _map("counters", SLOTS * WORDS)  # the first word counts the slots that are taken
latencies = _map("latencies", LATENCIES)
_local = threading.local()


def _forget_slot() -> None:
    global _local
    _local = threading.local()


os.register_at_fork(after_in_child=_forget_slot)


def _take_slot() -> int:
    with (FOLDER / "counters").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        counters[0] += 1
        _local.slot = slot = counters[0] * WORDS
    return slot


def noop() -> None:
    now = monotonic_ns()
    try:
        slot = _local.slot
    except AttributeError:
        slot = _take_slot()
    if not counters[slot]:
        counters[slot + 1] = now
    counters[slot] += 1
    counters[slot + 2] = now


def _count(started: int) -> None:
    try:
        slot = _local.slot
    except AttributeError:
        slot = _take_slot()
    if not counters[slot]:
        counters[slot + 1] = started
    counters[slot] += 1
    counters[slot + 2] = monotonic_ns()


def cpu() -> None:
    """Burn one millisecond of this thread's own CPU time, however busy the machine is."""
    now = monotonic_ns()
    end = thread_time_ns() + CPU_NS
    while thread_time_ns() < end:
        pass
    _count(now)


def io() -> None:
    """Wait ten milliseconds, as for somebody else's answer."""
    now = monotonic_ns()
    sleep(IO_SECONDS)
    _count(now)


async def io_async() -> None:
    now = monotonic_ns()
    await asyncio.sleep(IO_SECONDS)
    _count(now)


def latency(index: int, before_enqueue: int) -> None:
    latencies[index] = monotonic_ns() - before_enqueue


def reset() -> None:
    """Forget all counts. Only while no worker runs: a worker keeps the slot that it took."""
    counters[:] = memoryview(bytes(len(counters) * 8)).cast("q")


def reset_latencies() -> None:
    latencies[:] = memoryview(bytes(len(latencies) * 8)).cast("q")


def total() -> int:
    return sum(counters[slot * WORDS] for slot in range(1, counters[0] + 1))


def span() -> tuple[int, int]:
    """When the first job started and the last one ended, in nanoseconds."""
    slots = [slot * WORDS for slot in range(1, counters[0] + 1) if counters[slot * WORDS]]
    return min(counters[slot + 1] for slot in slots), max(counters[slot + 2] for slot in slots)
