#!/usr/bin/env python3
"""Measure Convoy beside other task queues: `make bench ARGS="--quick"`. See README.md here."""

from __future__ import annotations

import argparse
import difflib
import fcntl
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import chart
import environments
import procfs
import stores
import systems
from environments import NotInstallableError
from measures import MEASURES
from report import LIMIT
from runner import Runner, say
from servers import ServerError

MOST_WORKERS = 64


def chosen(allowed: Sequence[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        return list(dict.fromkeys(known(name, allowed) for name in text.split(",")))

    return parse


def one_of(allowed: Sequence[str]) -> Callable[[str], str]:
    return lambda text: known(text, allowed)


def known(name: str, allowed: Sequence[str]) -> str:
    if name in allowed:
        return name
    close = difflib.get_close_matches(name, allowed, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(allowed)}"
    raise argparse.ArgumentTypeError(f"unknown {name!r}; {hint}")


def whole(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text}: not a whole number from 1 to {most}")
        return int(text)

    return parse


def new_file(text: str) -> Path:
    path = Path(text).absolute()
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: not a file in an existing folder")
    return path


def svg_file(text: str) -> Path:
    path = new_file(text)
    if path.suffix != ".svg":
        raise argparse.ArgumentTypeError(f"{text}: the chart is an .svg")
    return path


def parse_arguments() -> argparse.Namespace:
    names = [*systems.MODULES, LIMIT]
    usual = [*systems.USUAL, LIMIT]
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    add = parser.add_argument
    add(
        "--only",
        type=one_of(list(stores.STORES)),
        metavar="STORE",
        help=f"one store: {', '.join(stores.STORES)} (default: all)",
    )
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
        help=f"{', '.join(names)} (default: {','.join(usual)}, of them what runs on the store); "
        "ratios are those of the first",
    )
    add("--workers", type=whole(MOST_WORKERS), default=2, metavar="N", help="processes (default 2)")
    add(
        "--repeat",
        type=whole(100),
        metavar="N",
        help="rounds to take medians of (default 3, and 1 for what takes minutes; quick: 1)",
    )
    add("--quick", action="store_true", help="a look: few jobs, no second tries")
    add("--json", type=new_file, metavar="FILE", help="write every value as a line of JSON")
    add("--chart", type=svg_file, metavar="FILE.svg", help="draw drain and enqueue")
    add("--python", metavar="PATH", help="of all systems (default: the newest 3.13 or 3.12)")
    add("--upgrade", action="store_true", help="remake the virtualenvs with the newest releases")
    arguments = parser.parse_args()
    wanted = [arguments.only] if arguments.only else list(stores.STORES)
    chosen_systems = [name for name in arguments.systems if name != LIMIT]
    if chosen_systems and not any(
        store in systems.find(name).stores for name in chosen_systems for store in wanted
    ):
        parser.error(f"of {', '.join(chosen_systems)}, none runs on {arguments.only}")
    return arguments


def measure(arguments: argparse.Namespace) -> None:
    runner = Runner(arguments)
    for name in stores.STORES:
        if arguments.only in (None, name):
            try:
                runner.run_store(name)
            except (NotInstallableError, ServerError) as error:
                if arguments.only:
                    raise
                say(f"{name} is left out: {error}")
    if arguments.chart:
        for left_out in chart.draw(runner.results, arguments.chart):
            say(f"not in the chart: {left_out}")


def end(*_: Any) -> None:
    sys.exit(143)


def main() -> None:
    arguments = parse_arguments()
    if not Path("/proc/self/schedstat").exists():
        sys.exit("The benchmarks read /proc: they run on Linux only.")
    signal.signal(signal.SIGTERM, end)
    procfs.adopt_orphans()
    try:
        with (environments.create_folder() / "bench.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another benchmark to end")
                fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                measure(arguments)
            finally:
                shutil.rmtree(environments.ENVIRONMENTS / "bench-data", ignore_errors=True)
    except (environments.NoPythonError, NotInstallableError, ServerError) as error:
        sys.exit(f"run.py: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
