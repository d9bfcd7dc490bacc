"""What the runner asks a server: `python server_client.py OPERATION URL LOG`, answers in JSON.

Runs in the virtualenv of the server, which has the driver.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Activity = dict[str, int]
ESTABLISHED = "01"  # in /proc/net/tcp
OWN = "benchmark"


class Postgres:
    def __init__(self, url: str) -> None:
        import psycopg

        server, _, self.database = url.rpartition("/")
        self.url = url
        self.connect = psycopg.connect
        self.connection = psycopg.connect(f"{server}/postgres", autocommit=True)

    def version(self) -> str:
        return f"PostgreSQL {self.connection.info.parameter_status('server_version')}"

    def empty(self) -> None:
        """A database without leftovers; who is still connected to the old one is cut off."""
        self.connection.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
        self.connection.execute(f"CREATE DATABASE {self.database}")

    def activity(self) -> Activity:
        """Connections now, and transactions so far, of this database."""
        row = self.connection.execute(
            "SELECT numbackends, xact_commit + xact_rollback FROM pg_stat_database "
            "WHERE datname = %s",
            [self.database],
        ).fetchone()
        assert row is not None
        return {"connections": row[0], "queries": row[1]}

    def snapshot(self) -> None:
        """Hold a snapshot open, as a long report or a dump does, until the input closes."""
        with self.connect(self.url) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.execute("SELECT txid_current()")
            print("ready", flush=True)
            sys.stdin.read()


class Redis:
    def __init__(self, url: str) -> None:
        import redis

        self.connection = redis.Redis.from_url(url, protocol=2, lib_name=None, lib_version=None)

    def version(self) -> str:
        info: dict[str, Any] = self.connection.info("server")
        name = info.get("server_name", "redis")
        return f"{name} {info.get(f'{name}_version', info['redis_version'])}"

    def empty(self) -> None:
        self.connection.flushall()

    def activity(self) -> Activity:
        """Connections now and commands so far, without those of this script."""
        info: dict[str, Any] = self.connection.info()
        return {
            "connections": info["connected_clients"] - 1,
            "queries": info["total_commands_processed"],
        }


class Mongodb:
    def __init__(self, url: str) -> None:
        import pymongo

        self.client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(url, appname=OWN)

    def version(self) -> str:
        return f"MongoDB {self.client.server_info()['version']}"

    def empty(self) -> None:
        self.client.drop_database(self.client.get_default_database())

    def activity(self) -> Activity:
        """Connections now, without those of this script, and operations so far."""
        held = self.client.admin.aggregate(
            [
                {"$currentOp": {"allUsers": True, "idleConnections": True}},
                {"$match": {"client": {"$exists": True}, "appName": {"$ne": OWN}}},
            ]
        )
        counted: dict[str, int] = self.client.admin.command("serverStatus")["opcounters"]
        return {"connections": len(list(held)), "queries": sum(counted.values())}


class Sqs:
    """Moto does not count; its log has a line for each request."""

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self.log = log

    def version(self) -> str:
        return f"moto {importlib.metadata.version('moto')}"

    def empty(self) -> None:
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")
        urllib.request.urlopen(request).close()

    def activity(self) -> Activity:
        """Connections that somebody holds now, and requests so far."""
        port = f":{urlsplit(self.url).port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        held = [row for row in rows if row[1].endswith(port) and row[3] == ESTABLISHED]
        return {"connections": len(held), "queries": self.log.read_bytes().count(b'"POST / ')}


def find(url: str, log: Path) -> Any:
    if url.startswith("redis:"):
        return Redis(url)
    if url.startswith("mongodb:"):
        return Mongodb(url)
    return Sqs(url, log) if url.startswith("http:") else Postgres(url)


def main() -> None:
    operation, url, log = sys.argv[1:]
    server = find(url, Path(log))
    call: Callable[[], Activity | str | None] = getattr(server, operation)
    print(json.dumps(call()), flush=True)


if __name__ == "__main__":
    main()
