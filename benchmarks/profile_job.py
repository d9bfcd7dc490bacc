#!/usr/bin/env python3
"""What one Convoy job costs, stage by stage, in one process: `python benchmarks/profile_job.py`.

Microseconds and SQL statements a job, without other processes, on an empty no-op task. Stages of
a worker are its contracts called in turn, in batches of 1 and of 100; the shared memory and the
pacing around them are not in here, but in the drain of `run.py`.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import environments
import servers
import stores
import systems
from session import Session

BATCHES = (1, 100)
BULK = 1_000


@dataclass
class Stage:
    seconds: float = 0.0
    statements: int = 0
    jobs: int = 0


@dataclass
class Stages:
    """Time and statements by the name of a stage, in the order of their first use."""

    functions: str | None
    stages: dict[str, Stage] = field(default_factory=dict)
    profiler: cProfile.Profile = field(default_factory=cProfile.Profile)
    _statements: int = 0

    def count(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        """A wrapper for Django's cursors."""
        self._statements += 1
        return execute(*arguments)

    @contextmanager
    def stage(self, name: str, jobs: int) -> Iterator[None]:
        stage = self.stages.setdefault(name, Stage())
        profiled = name == self.functions
        before = self._statements
        if profiled:
            self.profiler.enable()
        start = time.perf_counter()
        yield
        stage.seconds += time.perf_counter() - start
        if profiled:
            self.profiler.disable()
        stage.statements += self._statements - before
        stage.jobs += jobs

    @contextmanager
    def method(self, instance: Any, method: str, name: str, jobs: int) -> Iterator[None]:
        """Time the calls of one method, wherever they come from."""
        original = getattr(instance, method)

        def timed(*arguments: Any, **named: Any) -> Any:
            with self.stage(name, jobs):
                return original(*arguments, **named)

        with mock.patch.object(instance, method, timed):
            yield

    def show(self) -> None:
        print(f"{'stage':<34}{'us a job':>10}{'statements a job':>18}")
        for name, stage in self.stages.items():
            each = stage.seconds / stage.jobs * 1e6
            print(f"{name:<34}{each:>10.1f}{stage.statements / stage.jobs:>18.3f}")
        if self.functions:
            pstats.Stats(self.profiler).sort_stats("tottime").print_stats(30)


def profile(n: int, functions: str | None) -> None:
    current = systems.current()
    current.setup()
    current.prepare()
    import tasks

    from django_convoy.runtime import runtime_of

    runtime = runtime_of("default")
    worker = runtime.private()
    stages = Stages(functions)
    with ExitStack() as stack:
        for broker in (runtime.shared.broker, worker.broker):
            if hasattr(broker, "session"):
                wrapped = broker.session.connection.execute_wrapper(stages.count)
                stack.enter_context(wrapped)
        tasks.noop.enqueue()
        enqueueing(stages, runtime, tasks.noop, n)
        for batch in BATCHES:
            purge(runtime)
            tasks.noop.enqueue_many(() for _ in range(n))
            working(stages, runtime, worker, n, batch)
    stages.show()
    worker.close()


def purge(runtime: Any) -> None:
    for queue in runtime.shared.broker.queues():
        runtime.shared.broker.purge(queue)


def enqueueing(stages: Stages, runtime: Any, task: Any, n: int) -> None:
    from django_convoy.core.codec import Call
    from django_convoy.domain import clock, ids
    from django_convoy.domain.envelope import Envelope

    def seal(job_id: str) -> Envelope:
        sealed = runtime.codec.seal(job_id, "default", task.module_path, Call((), {}, {}))
        return Envelope(job_id, "default", task.module_path, *sealed, 0, clock.now(), None)

    with stages.stage("enqueue()", n):
        for _ in range(n):
            task.enqueue()
    with stages.stage("  of it: seal", n):
        envelopes = [seal(ids.job_id()) for _ in range(n)]
    with stages.stage("  of it: push of 1", n):
        for envelope in envelopes:
            runtime.shared.broker.push([envelope])
    with stages.stage("enqueue_many(), 1,000 a call", n):
        for _ in range(n // BULK):
            task.enqueue_many([()] * BULK)
    envelopes = [seal(job_id) for job_id in ids.job_ids(n)]
    with stages.stage("  of it: push of 1,000", n):
        for start in range(0, n, BULK):
            runtime.shared.broker.push(envelopes[start : start + BULK])


def working(stages: Stages, runtime: Any, worker: Any, n: int, batch: int) -> None:
    from django_convoy.core.execution import Observer, execute, prepare
    from django_convoy.core.settling import conclude
    from django_convoy.domain import clock
    from django_convoy.registry import Finder
    from django_convoy.worker.ledger import settle

    broker, store, codec = worker.broker, worker.store, runtime.codec
    find, observer = Finder({}), Observer()
    done = 0
    while done < n:
        with stages.stage(f"claim, {batch} at a time", 0):
            leases = broker.claim(["default"], limit=batch, lease=15, worker="profile")
        if not leases:
            raise RuntimeError(f"only {done} of {n} jobs could be claimed")
        stages.stages[f"claim, {batch} at a time"].jobs += len(leases)
        size = len(leases)
        with stages.stage(f"  prepare (verify, decode), {batch}", size):
            runs = [prepare(lease, codec, find) for lease in leases]
        with stages.stage(f"  execute, {batch}", size):
            outcomes = [execute(run, codec, observer, None) for run in runs]
        with stages.stage(f"  conclude, {batch}", size):
            ends = [
                conclude(
                    run.lease,
                    outcome,
                    worker="profile",
                    started_at=run.started_at,
                    finished_at=clock.now(),
                    options=run.options,
                )
                for run, outcome in zip(runs, outcomes, strict=True)
            ]
        names = {"finished": f"    of it: record, {batch}", "settle": f"    of it: settle, {batch}"}
        with (
            stages.stage(f"  record and settle, {batch}", size),
            stages.method(store, "finished", names["finished"], size),
            stages.method(broker, "settle", names["settle"], size),
        ):
            settle(worker, ends)
        done += size


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    # Queues on SQS are not listed, so that they could be emptied between two stages.
    choices = [one for one in systems.find("convoy").stores if stores.kind(one) != "sqs"]
    parser.add_argument("--only", choices=choices, default="sqlite", help="the store")
    parser.add_argument("--jobs", type=int, default=10_000, metavar="N")
    parser.add_argument("--python", metavar="PATH", help="default: the newest 3.13 or 3.12")
    parser.add_argument("--functions", metavar="STAGE", help="cProfile of one stage, by its name")
    return parser.parse_args()


def in_its_environment(given: argparse.Namespace) -> int:
    kind = systems.find("convoy")
    interpreter = environments.find_python(given.python)

    def environment(name: str, requirements: tuple[str, ...]) -> Path:
        return environments.ensure(name, requirements, interpreter.executable, upgrade=False)

    python = environment("convoy", kind.requirements)
    folder = environments.create_folder()
    with ExitStack() as stack:
        server = None
        if stores.STORES[given.only].has_server:
            needs = servers.REQUIREMENTS[stores.kind(given.only)]
            drivers = environment(f"server-{stores.kind(given.only)}", needs)
            server = stack.enter_context(servers.running(given.only, drivers))
        store = stores.STORES[given.only].of("profile", folder / "bench-data", server)
        store.empty()
        stack.callback(shutil.rmtree, store.folder)
        session = Session(kind(given.only, 1), store, python, folder)
        command = [str(python), str(Path(__file__).resolve()), *sys.argv[1:]]
        return subprocess.run(command, env=session.environment).returncode


if __name__ == "__main__":
    if "BENCH_SYSTEM" in os.environ:
        profile(arguments().jobs, arguments().functions)
    else:
        sys.exit(in_its_environment(arguments()))
