"""One system on one store while it is measured: its clients and its workers."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jobs
import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stores import Store
    from systems.system import System

HERE = Path(__file__).resolve().parent
WARM_UP_JOBS = 20
NOT_PASSED_ON = ("PYTHON", "PG")
STOP_SECONDS = 12
STALL_SECONDS = 30


class BenchmarkError(Exception):
    """A system did not do what was asked of it."""


@dataclass
class Session:
    system: System
    store: Store
    python: Path
    logs: Path
    drain_jobs: int = 0
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.system.name

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(NOT_PASSED_ON)
        }
        return kept | {
            "PYTHONPATH": str(HERE),
            "BENCH_SYSTEM": self.system.name,
            "BENCH_STORE": self.store.name,
            "BENCH_DATA": str(self.store.folder),
            "BENCH_URL": self.store.url,
            "BENCH_PROCESSES": str(self.system.processes),
            **{name: self.placed(value) for name, value in self.system.environment.items()},
        }

    def placed(self, text: str) -> str:
        """With the address of the store."""
        return text.replace("{url}", self.store.url)

    @property
    def log(self) -> Path:
        return self.logs / f"{self.system.name}-{self.store.name}.log"

    @contextmanager
    def with_workers(self, processes: int, concurrency: int = 1) -> Iterator[str]:
        """Start others than the usual workers in this block; how they are set up."""
        usual = self.system
        self.system = type(usual)(usual.store, processes, concurrency)
        try:
            yield self.system.variant
        finally:
            self.system = usual

    def fresh(self) -> None:
        """An empty store with its tables, and no counts."""
        self.store.empty()
        jobs.reset()
        self.client("prepare")

    @contextmanager
    def started_client(self, operation: str, **arguments: Any) -> Iterator[subprocess.Popen[str]]:
        command = [str(self.python), str(HERE / "client.py"), operation, json.dumps(arguments)]
        with self.log.open("ab") as log:
            client = subprocess.Popen(
                command,
                env=self.environment,
                cwd=self.logs,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        try:
            yield client
        finally:
            if client.poll() is None:
                client.kill()
            client.communicate()

    def answer(self, client: subprocess.Popen[str], timeout: float = 900) -> Any:
        output, _ = client.communicate(timeout=timeout)
        if client.returncode:
            raise BenchmarkError(f"{self.name}: a client failed, see {self.log}")
        return json.loads(output.splitlines()[-1])

    def client(self, operation: str, **arguments: Any) -> Any:
        with self.started_client(operation, **arguments) as client:
            return self.answer(client)

    def watch(self) -> procfs.Watch:
        return procfs.Watch(self.store.server_pids)

    def start(self) -> None:
        with self.log.open("ab") as log:
            for command in self.system.workers(self.python):
                worker = subprocess.Popen(
                    [self.placed(part) for part in command],
                    env=self.environment,
                    cwd=self.logs,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
                self.workers.append(worker)

    def start_and_warm_up(self, settle: float) -> None:
        """Start the workers, see them run a few jobs, and leave them alone for some seconds."""
        self.start()
        self.run_latencies(WARM_UP_JOBS, 0.02)
        time.sleep(settle)

    def run_latencies(self, n: int, interval: float) -> list[float]:
        """Enqueue n jobs at an interval; the sorted milliseconds from enqueue to start."""
        jobs.reset_latencies()
        self.client("latency", n=n, interval=interval)
        end = time.monotonic() + STALL_SECONDS
        while not all(jobs.latencies[:n]):
            self._check_alive(end)
            time.sleep(0.05)
        return sorted(nanoseconds / 1e6 for nanoseconds in jobs.latencies[:n])

    def wait_for(self, n: int, interval: float = 0.1, limit: float = math.inf) -> tuple[int, int]:
        """Wait until n jobs have ended, or so many seconds: how many had, at which nanosecond."""
        before, stalled, end = -1, 0.0, time.monotonic() + limit
        while True:
            done, now = jobs.total(), time.monotonic_ns()
            if done >= n or now / 1e9 > end:
                return done, now
            if done != before:
                before, stalled = done, time.monotonic() + STALL_SECONDS
            self._check_alive(stalled)
            time.sleep(interval)

    def activity(self) -> dict[str, Any]:
        """CPU nanoseconds of the workers' threads, and what the server has done so far."""
        found: dict[str, Any] = {"workers": procfs.run_ns(self.pids)}
        if self.store.server:
            starter = set(self.store.server_pids)
            found["server"] = procfs.run_ns(procfs.tree(starter) - starter)
            found |= self.store.ask("activity")
        return found

    def _check_alive(self, end: float) -> None:
        if all(worker.poll() is not None for worker in self.workers):
            raise BenchmarkError(f"{self.name}: its workers ended, see {self.log}")
        if time.monotonic() > end:
            raise BenchmarkError(f"{self.name}: no job ended for {STALL_SECONDS} s, see {self.log}")

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self.workers]

    def stop(self) -> None:
        """Ask the workers to end, then kill what is left of their trees."""
        started = procfs.tree(self.pids)
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        end = time.monotonic() + STOP_SECONDS
        for worker in self.workers:
            with suppress(subprocess.TimeoutExpired):
                worker.wait(max(0.1, end - time.monotonic()))
        left = started & procfs.tree([os.getpid()])
        for pid in left | procfs.tree(self.pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for worker in self.workers:
            worker.wait()
        for pid in left - set(self.pids):  # orphans came to this process
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self.workers.clear()
