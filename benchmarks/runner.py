"""Rounds over measures and subjects: what is run, what is taken again, what is reported."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import environments
import limits
import procfs
import servers
import stores
import systems
from environments import NotInstallableError
from limits import Limit
from measures import MEASURES, ONCE
from readings import FULL, QUICK, Reading, Value
from report import LIMIT, Line, Results, table
from servers import Server
from session import BenchmarkError, Session
from stores import Store

HERE = Path(__file__).resolve().parent
DISTURBED_CORES = 0.2
QUIET_SECONDS = 20
ROUNDS = 3


@dataclass
class Subject:
    """Something that can be measured: a system in its session, or one variant of the limit."""

    system: str
    variant: str
    version: str
    measure: Callable[[str], Reading | None]


class Runner:
    """One subject after the other within each measure, in another order each round."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.sizes = QUICK if arguments.quick else FULL
        self.results = Results(arguments.json)
        self.left_out: dict[str, list[str]] = {}  # of each store, and why
        self.interpreter = environments.find_python(arguments.python)
        self.folder = environments.create_folder() / "bench-data"
        self.logs = environments.create_folder() / "bench-logs"
        self.logs.mkdir(exist_ok=True)
        self.speed = self.script("speed.py", str(self.logs))

    def run_store(self, name: str) -> None:
        if self.systems and not any(name in systems.find(one).stores for one in self.systems):
            say(f"none of these systems runs on {name}")
            return
        if not stores.STORES[name].has_server:
            self.run_rounds(name, None)
            return
        with servers.running(name, self.server_python(name)) as server:
            self.run_rounds(name, server)

    def leave_out(self, what: str, store: str, why: Exception) -> None:
        self.left_out.setdefault(store, []).append(f"left out: {what}, {why}")
        say(f"{what} is left out: {why}")

    def server_python(self, name: str) -> Path:
        kind = stores.kind(name)
        return self.environment(f"server-{kind}", servers.REQUIREMENTS[kind])

    def environment(self, name: str, requirements: tuple[str, ...]) -> Path:
        return environments.ensure(
            name, requirements, self.interpreter.executable, upgrade=self.arguments.upgrade
        )

    @property
    def systems(self) -> list[str]:
        return [name for name in self.arguments.systems if name != LIMIT]

    def run_rounds(self, store: str, server: Server | None) -> None:
        subjects = self.subjects(store, server)
        if not subjects:
            return
        rounds = self.arguments.repeat or (1 if self.arguments.quick else ROUNDS)
        for number in range(1, rounds + 1):
            for measure in self.arguments.measures:
                if measure in ONCE and number > 1 and not self.arguments.repeat:
                    continue
                start = (number - 1) % len(subjects)
                for subject in subjects[start:] + subjects[:start]:
                    self.take(subject, store, measure, number)
        results = self.results.on(store)
        measured = results.systems()
        shown = [name for name in self.systems if name in measured] or [LIMIT]
        print(self.heading(store, server, subjects, rounds))
        print(table(results, shown))
        print(*self.left_out.get(store, ()), sep="\n", flush=True)

    def heading(
        self, store: str, server: Server | None, subjects: list[Subject], rounds: int
    ) -> str:
        versions = {
            f"{subject.system} {subject.version}" for subject in subjects if subject.system != LIMIT
        }
        python = self.interpreter
        engine = f"SQLite {python.sqlite}"
        if server:
            engine = self.store(store, LIMIT, server).ask("version")
        return (
            f"\n{store}, {rounds} round(s){', quick' if self.arguments.quick else ''}, "
            f"{time.strftime('%Y-%m-%d %H:%M')}: {', '.join(sorted(versions))}\n"
            f"Python {python.version}, {engine}, {os.cpu_count()} cores, "
            f"{platform.system()} {platform.release()}, {self.speed}\n"
        )

    def store(self, name: str, system: str, server: Server | None) -> Store:
        return stores.STORES[name].of(system, self.folder, server)

    def subjects(self, store: str, server: Server | None) -> list[Subject]:
        found = []
        for name in self.systems:
            if store in systems.find(name).stores:
                try:
                    found.append(self.subject(name, self.store(store, name, server)))
                except (BenchmarkError, NotInstallableError, subprocess.SubprocessError) as error:
                    self.leave_out(name, store, error)
        if LIMIT in self.arguments.systems:
            place = self.store(store, LIMIT, server)
            found += [self.limit(limit, place) for limit in limits.find(place)]
        return found

    def subject(self, name: str, store: Store) -> Subject:
        kind = systems.find(name)
        python = self.environment(systems.MODULES[name].replace("_", "-"), kind.requirements)
        session = Session(kind(store.name, self.arguments.workers), store, python, self.logs)
        session.log.write_bytes(b"")
        store.empty()
        return Subject(
            name,
            session.system.variant,
            session.client("version"),
            lambda measure: MEASURES[measure](session, self.sizes),
        )

    def limit(self, limit: Limit, store: Store) -> Subject:
        python = store.server.python if store.server else self.interpreter.executable

        def measure(name: str) -> Reading | None:
            if name not in limit.measures:
                return None
            n = limits.size(name, self.sizes, store)
            store.empty()
            with procfs.Watch(store.server_pids) as watch:
                output = self.script(limit.script, *limit.arguments(name, n, store), python=python)
            return Reading([Value(name, float(output), "jobs/s", n)], watch.foreign)

        return Subject(LIMIT, limit.variant, self.interpreter.version, measure)

    def script(self, name: str, *arguments: str, python: Path | None = None) -> str:
        """What a script of this folder prints; without a driver to import, on the bare Python."""
        command = [str(python or self.interpreter.executable), str(HERE / name), *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def take(self, subject: Subject, store: str, measure: str, number: int) -> None:
        """Measure once, and once more if others disturbed it; keep the less disturbed reading."""
        reading = self.try_once(subject, measure)
        if reading and reading.foreign > DISTURBED_CORES and not self.arguments.quick:
            procfs.wait_for_quiet(QUIET_SECONDS, DISTURBED_CORES)
            again = self.try_once(subject, measure)
            if again and again.foreign < reading.foreign:
                reading = again
        if reading is None:
            return
        disturbed = reading.foreign > DISTURBED_CORES
        for value in reading.values:
            line = Line(
                system=subject.system,
                variant=value.variant or subject.variant,
                store=store,
                measure=value.measure,
                value=round(value.value, 4),
                unit=value.unit,
                n=value.n,
                disturbed=disturbed,
                foreign=round(reading.foreign, 3),
                round=number,
                version=subject.version,
            )
            self.results.add(line)
            report_progress(line)

    def try_once(self, subject: Subject, measure: str) -> Reading | None:
        try:
            return subject.measure(measure)
        except (BenchmarkError, OSError, subprocess.SubprocessError) as error:
            say(f"{measure} of {subject.system} failed: {error}")
            return None


def say(text: str) -> None:
    print(f"# {text}", file=sys.stderr, flush=True)


def report_progress(line: Line) -> None:
    note = f"  disturbed: {line.foreign:.2f} cores" if line.disturbed else ""
    name = f"{line.system} ({line.variant})"
    say(f"{line.measure:20} {name:48} {line.value:>12,.2f} {line.unit}{note}")
