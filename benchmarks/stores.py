"""The stores on which systems are compared. A further one is a class here and a row in STORES.

A store belongs to one system: a folder of its own, and a database of its own where there are
databases. The runner (standard library only) makes and empties it; clients and workers ask it
where things are.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from servers import Server

SCRIPT = Path(__file__).resolve().with_name("server_client.py")


class Store:
    name: str
    has_server = True
    has_snapshots = False
    query_unit = ""  # of what the server counts
    most_jobs: int | None = None  # that a drain or an enqueue takes, where a server is slow
    grows = True  # a million jobs may wait there
    look_seconds = 0.01  # between two looks at what is left of a drain

    def __init__(self, folder: Path, url: str = "", server: Server | None = None) -> None:
        self.folder = folder  # whatever a system puts there is emptied with the store
        self.url = url
        self.server = server

    @classmethod
    def of(cls, system: str, folder: Path, server: Server | None) -> Store:
        return cls(folder / system, server.url if server else "", server)

    def empty(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        if self.server:
            self.ask("empty")

    def ask(self, operation: str) -> Any:
        """What the script for this server answers; it runs where there is a driver."""
        done = subprocess.run(
            self._command(operation), stdout=subprocess.PIPE, text=True, check=True
        )
        return json.loads(done.stdout)

    def _command(self, operation: str) -> list[str]:
        assert self.server is not None
        log = str(self.server.log)
        return [str(self.server.python), str(SCRIPT), operation, self.url, log]

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """With `has_snapshots`: another session holds one open in this block."""
        command = self._command("snapshot")
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout is not None
        try:
            process.stdout.readline()
            yield
        finally:
            process.communicate()  # closes its input

    def at_most(self, jobs: int) -> int:
        return min(jobs, self.most_jobs or jobs)

    @property
    def server_pids(self) -> tuple[int, ...]:
        """Processes whose CPU counts as ours."""
        return (self.server.pid,) if self.server else ()

    @property
    def file(self) -> Path:
        return self.folder / "queue.sqlite3"

    def django_database(self, synchronous: str) -> dict[str, Any]:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(self.file),
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous}",
            },
        }


class Sqlite(Store):
    """A database file in WAL mode."""

    name = "sqlite"
    has_server = False


class Postgres(Store):
    """A database of a server that has its default settings."""

    name = "postgres"
    has_snapshots = True
    query_unit = "transactions/s"

    @classmethod
    def of(cls, system: str, folder: Path, server: Server | None) -> Store:
        assert server is not None
        database = "bench_" + system.replace("-", "_")
        return cls(folder / system, server.url.rpartition("/")[0] + f"/{database}", server)

    def django_database(self, synchronous: str) -> dict[str, Any]:
        parts = urlsplit(self.url)
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": parts.path.strip("/"),
            "USER": parts.username,
            "HOST": parts.hostname,
            "PORT": parts.port,
            "CONN_MAX_AGE": None,
        }


class Redis(Store):
    """A server without persistence. A system that wants a database too gets a SQLite file."""

    name = "redis"
    query_unit = "commands/s"


class Mongodb(Store):
    """A database of a replica set of one. Results are rows of a SQLite file."""

    name = "mongodb"
    query_unit = "operations/s"

    @classmethod
    def of(cls, system: str, folder: Path, server: Server | None) -> Store:
        assert server is not None
        place, _, options = server.url.rpartition("/")
        database = "bench_" + system.replace("-", "_")
        return cls(folder / system, f"{place}/{database}{options}", server)


class Sqs(Store):
    """Moto's server of SQS. Results are rows of a SQLite file."""

    name = "sqs"
    query_unit = "requests/s"
    most_jobs = 10_000
    grows = False
    look_seconds = 0.1  # the server walks through all messages to count them

    key: ClassVar[dict[str, str]] = {
        "aws_access_key_id": "bench",
        "aws_secret_access_key": "bench",
    }
    region = "us-east-1"


class SqsDelayed(Sqs):
    """The same, ten milliseconds away."""

    name = "sqs-10ms"


STORES: dict[str, type[Store]] = {
    store.name: store for store in (Sqlite, Postgres, Redis, Mongodb, Sqs, SqsDelayed)
}


def kind(name: str) -> str:
    """The kind of server: that of `sqs-10ms` is `sqs`."""
    return name.partition("-")[0]


def current() -> Store:
    """The store that this process was started for (in a client or a worker)."""
    store = STORES[os.environ["BENCH_STORE"]]
    return store(Path(os.environ["BENCH_DATA"]), os.environ["BENCH_URL"])
