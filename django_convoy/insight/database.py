"""Whether a database is as Convoy needs it."""

from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from django_convoy.db.session import Session

APP = "convoy"


@dataclass(frozen=True, slots=True)
class SQLiteModes:
    """What decides how fast and how safe a SQLite file is."""

    journal: str
    synchronous: str
    transactions: str
    timeout: float
    memory: bool

    def advice(self) -> list[str]:
        """Return what should be changed in DATABASES, in sentences."""
        if self.memory:
            return ["it is in memory: only this process sees its jobs"]
        found = []
        if self.journal != "wal":
            found.append(
                f"journal_mode is {self.journal}: readers and the writer wait for each other. "
                'Put "PRAGMA journal_mode=WAL" into OPTIONS["init_command"]'
            )
        elif self.synchronous == "full":
            found.append(
                'synchronous is full: safest at a power loss, slower. With WAL, "PRAGMA '
                'synchronous=NORMAL" in OPTIONS["init_command"] is several times faster, and may '
                "lose the last commits when the power fails"
            )
        if self.synchronous == "off":
            found.append("synchronous is off: a power loss can damage the file. Use NORMAL or FULL")
        if self.transactions != "IMMEDIATE":
            found.append(
                'OPTIONS["transaction_mode"] is not "IMMEDIATE": transactions that read before '
                'they write fail with "database is locked" beside a worker'
            )
        if self.timeout < 10:
            found.append(
                f'OPTIONS["timeout"] is {self.timeout:g} s: under load writers give up. Use 20'
            )
        return found


def reachable(alias: str) -> str:
    """Return what kind of server answers. Raises BrokerUnavailable."""
    session = Session(alias)

    def connect() -> str:
        connection: Any = connections[alias]
        connection.ensure_connection()
        version = ".".join(str(part) for part in connection.get_database_version())
        return f"{connection.display_name} {version}"

    return session.step(connect)


def missing_migrations(alias: str) -> list[str]:
    """Return the names of Convoy's migrations that are not applied."""

    def plan() -> list[str]:
        executor = MigrationExecutor(connections[alias])
        targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] == APP]
        return [
            f"{migration.app_label}.{migration.name}"
            for migration, backwards in executor.migration_plan(targets)
            if migration.app_label == APP
        ]

    return Session(alias).step(plan)


def sqlite_modes(alias: str) -> SQLiteModes | None:
    """Return how a SQLite file is used, None for another database."""
    connection: Any = connections[alias]
    if connection.vendor != "sqlite":
        return None

    def pragma(name: str) -> Any:
        def work(cursor: Any) -> Any:
            cursor.execute(f"PRAGMA {name}")
            return cursor.fetchone()[0]

        return Session(alias).read(work)

    options = connection.settings_dict.get("OPTIONS") or {}
    return SQLiteModes(
        journal=str(pragma("journal_mode")).lower(),
        synchronous=["off", "normal", "full", "extra"][int(pragma("synchronous"))],
        transactions=str(options.get("transaction_mode") or "DEFERRED").upper(),
        timeout=float(options.get("timeout", 5.0)),
        memory=connection.is_in_memory_db(),
    )
