#!/usr/bin/env python3
"""Measure Convoy beside other task queues: `make bench ARGS="--quick"`. See README.md here."""

from __future__ import annotations

import argparse
import fcntl
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environments
import jobs
import limit
import procfs
import stores
import systems
from measures import MEASURES, Reading, Sizes, Value
from report import LIMIT, Line, Results, table
from session import BenchmarkError, Session

HERE = Path(__file__).resolve().parent
DISTURBED_CORES = 0.2
QUIET_SECONDS = 20
LIMIT_MEASURES = ("drain", "enqueue", "bulk")


def chosen(allowed: Sequence[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in allowed]:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown)}: not one of {', '.join(allowed)}"
            )
        return names

    return parse


def parse_arguments() -> argparse.Namespace:
    names = [*systems.MODULES, LIMIT]
    usual = [*systems.USUAL, LIMIT]
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    add = parser.add_argument
    add("--only", choices=("sqlite", "postgres", "redis"), help="one store (default: all)")
    add(
        "--measures",
        type=chosen(list(MEASURES)),
        default=list(MEASURES),
        metavar="A,B",
        help=", ".join(MEASURES) + " (default: all)",
    )
    add(
        "--systems",
        type=chosen(names),
        default=usual,
        metavar="A,B",
        help=f"{', '.join(names)} (default: {','.join(usual)}); ratios are those of the first",
    )
    add("--repeat", type=int, metavar="N", help="rounds to take medians of (default 3; quick: 1)")
    add("--quick", action="store_true", help="a look in two minutes: few jobs, no second tries")
    add("--json", type=Path, metavar="FILE", help="write every value as a line of JSON")
    add("--python", metavar="PATH", help="of all systems (default: the newest 3.13 or 3.12)")
    add("--upgrade", action="store_true", help="remake the virtualenvs with the newest releases")
    return parser.parse_args()


@dataclass
class Subject:
    """Something that can be measured: a system in its session, or one variant of the limit."""

    system: str
    variant: str
    version: str
    measure: Callable[[str], Reading | None]


class Runner:
    """Rounds over measures and subjects, one subject after the other within each measure."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.sizes = Sizes(arguments.quick)
        self.results = Results(arguments.json)
        self.interpreter = environments.find_python(arguments.python)
        self.folder = environments.create_folder() / "bench-data"
        self.logs = environments.create_folder() / "bench-logs"
        self.logs.mkdir(exist_ok=True)
        self.speed = self.script("speed.py", str(self.logs))

    def run(self) -> None:
        available = {
            name: store
            for name, store in stores.STORES.items()
            if self.arguments.only in (None, name)
        }
        if not available:
            sys.exit(f"Nothing is measured on {self.arguments.only} yet.")
        for name in available:
            self.run_store(name)

    def run_store(self, store: str) -> None:
        subjects = self.subjects(store)
        rounds = self.arguments.repeat or (1 if self.arguments.quick else 3)
        for number in range(1, rounds + 1):
            for measure in self.arguments.measures:
                start = (number - 1) % len(subjects)
                for subject in subjects[start:] + subjects[:start]:
                    self.take(subject, store, measure, number)
        print(self.heading(store, subjects, rounds))
        shown = [name for name in self.arguments.systems if name != LIMIT] or [LIMIT]
        print(table(self.results, shown), flush=True)

    def heading(self, store: str, subjects: list[Subject], rounds: int) -> str:
        versions = {
            f"{subject.system} {subject.version}" for subject in subjects if subject.system != LIMIT
        }
        python = self.interpreter
        return (
            f"\n{store}, {rounds} round(s){', quick' if self.arguments.quick else ''}, "
            f"{time.strftime('%Y-%m-%d %H:%M')}: {', '.join(sorted(versions))}\n"
            f"Python {python.version}, SQLite {python.sqlite}, {os.cpu_count()} cores, "
            f"{platform.system()} {platform.release()}, {self.speed}\n"
        )

    def subjects(self, store: str) -> list[Subject]:
        found = []
        for name in self.arguments.systems:
            if name == LIMIT:
                found += [self.limit(variant) for variant in limit.VARIANTS]
            elif store in systems.find(name).stores:
                try:
                    found.append(self.subject(name, store))
                except (BenchmarkError, subprocess.SubprocessError) as error:
                    say(f"{name} is left out: {error}")
        return found

    def subject(self, name: str, store: str) -> Subject:
        system = systems.find(name)
        python = environments.ensure(
            systems.MODULES[name].replace("_", "-"),
            system.requirements,
            self.interpreter.executable,
            upgrade=self.arguments.upgrade,
        )
        session = Session(system, stores.STORES[store](self.folder / name), python, self.logs)
        session.log.write_bytes(b"")
        session.store.empty()
        return Subject(
            name,
            system.variant,
            session.client("version"),
            lambda measure: MEASURES[measure](session, self.sizes),
        )

    def limit(self, variant: str) -> Subject:
        def measure(name: str) -> Reading | None:
            if name not in LIMIT_MEASURES or (name != "drain" and variant != "1 process"):
                return None
            n = self.sizes.enqueue if name == "enqueue" else self.sizes.limit
            folder = self.folder / LIMIT
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            with procfs.Watch() as watch:
                output = self.script("limit.py", name, variant, str(n), str(folder))
            return Reading([Value(name, float(output), "jobs/s", n)], watch.foreign)

        return Subject(LIMIT, variant, self.interpreter.version, measure)

    def script(self, name: str, *arguments: str) -> str:
        """What a script of this folder prints on the bare interpreter."""
        command = [str(self.interpreter.executable), str(HERE / name), *arguments]
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
                variant=subject.variant,
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


def end(*_: Any) -> None:
    sys.exit(143)


def main() -> None:
    arguments = parse_arguments()
    if not Path("/proc/self/schedstat").exists():
        sys.exit("The benchmarks read /proc: they run on Linux only.")
    signal.signal(signal.SIGTERM, end)
    procfs.adopt_orphans()
    with (environments.create_folder() / "bench.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another benchmark to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            Runner(arguments).run()
        finally:
            shutil.rmtree(environments.ENVIRONMENTS / "bench-data", ignore_errors=True)
            shutil.rmtree(jobs.FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main()
