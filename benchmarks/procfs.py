"""CPU and memory of process trees, and how much of the machine others use, from /proc (Linux)."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
KERNEL_THREADS = 2  # the parent of all of them
PR_SET_CHILD_SUBREAPER = 36
PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    cpu: float  # seconds, its own and of its children that have ended


def processes() -> dict[int, Process]:
    found = {}
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            pid = int(entry.name)
            found[pid] = Process(pid, int(fields[1]), sum(map(int, fields[11:15])) / TICKS)
    return found


def tree(roots: Iterable[int], table: dict[int, Process] | None = None) -> set[int]:
    """The pids of these processes and of all their descendants that are alive."""
    table = processes() if table is None else table
    children: dict[int, list[int]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    pending = [pid for pid in roots if pid in table]
    while pending:
        pid = pending.pop()
        if pid not in found:
            found.add(pid)
            pending += children.get(pid, [])
    return found


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends: they stay ours, and killable."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def pss_mib(roots: Iterable[int]) -> float:
    """Memory of a tree; a page shared by n processes counts 1/n in each."""
    kib = 0
    for pid in tree(roots):
        with suppress(OSError):
            for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kib += int(line.split()[1])
    return kib / 1024


def run_ns(roots: Iterable[int]) -> dict[tuple[int, int], int]:
    """The scheduler's own count of CPU nanoseconds of every thread of a tree."""
    found = {}
    for pid in tree(roots):
        with suppress(OSError):
            for thread in (PROC / str(pid) / "task").iterdir():
                first = (thread / "schedstat").read_text().split()[0]
                found[pid, int(thread.name)] = int(first)
    return found


def machine_busy() -> float:
    """Seconds of CPU that the machine has not been idle, taken by other guests included."""
    values = [int(v) for v in (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = values
    return (user + nice + system + irq + softirq + steal) / TICKS


@dataclass
class Watch:
    """How many cores processes that are not ours used while a measure ran.

    Ours are this process, its descendants and the servers; the kernel's threads, which mostly
    write what we wrote, are nobody's.
    """

    servers: tuple[int, ...] = ()
    foreign: float = 0.0
    _start: tuple[float, float] = field(default=(0.0, 0.0), repr=False)

    def __enter__(self) -> Watch:
        self._start = (time.monotonic(), self._others())
        return self

    def __exit__(self, *exc_info: object) -> None:
        wall = time.monotonic() - self._start[0]
        self.foreign = max(0.0, (self._others() - self._start[1]) / wall)

    def _others(self) -> float:
        busy = machine_busy()
        table = processes()
        ours = tree([os.getpid(), KERNEL_THREADS, *self.servers], table)
        return busy - sum(table[pid].cpu for pid in ours)


def wait_for_quiet(limit: float, cores: float) -> None:
    """Return when others have used less than so many cores for two seconds, or at the limit."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        with Watch() as watch:
            time.sleep(2)
        if watch.foreign <= cores:
            return
