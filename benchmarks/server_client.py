"""What the runner asks a server: `python server_client.py OPERATION URL`, an answer in JSON.

Runs in the virtualenv "server", which has the drivers.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

Activity = dict[str, int]


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


def main() -> None:
    operation, url = sys.argv[1:]
    server = Redis(url) if url.startswith("redis:") else Postgres(url)
    call: Callable[[], Activity | str | None] = getattr(server, operation)
    print(json.dumps(call()), flush=True)


if __name__ == "__main__":
    main()
