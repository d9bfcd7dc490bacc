"""What differs between databases in hand-written SQL."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from django_convoy.db.fields import AS_UTC, from_column, to_column
from django_convoy.domain import clock

TIMES = {
    "changed_at",
    "created_at",
    "due",
    "enqueued_at",
    "expires_at",
    "finished_at",
    "fired_at",
    "intended_at",
    "last_at",
    "next_at",
    "started_at",
    "wake_at",
}


class Dialect(ABC):
    """SQL that every database understands; subclasses say where theirs differs."""

    skip_locked = " FOR UPDATE SKIP LOCKED"
    for_update = " FOR UPDATE"
    delete_returning = True
    as_utc = ""
    direct = False
    """Whether `execute` works: one statement on the driver's connection, past Django's cursor."""
    pooled = False
    """Whether nothing of a session is kept: behind PgBouncer in transaction mode."""
    retryable: tuple[str, ...] = ("deadlock", "could not serialize", "lock wait timeout")

    def __init__(self, vendor: str) -> None:
        self.vendor = vendor

    def time(self, value: datetime | None) -> Any:
        """Return an aware time as a parameter."""
        return to_column(value, self.vendor)

    def columns(self, listed: str) -> str:
        """Return a list of columns, times among them so that `from_column` can read them."""
        return listed

    @abstractmethod
    def now(self, after: float = 0.0) -> tuple[str, list[Any]]:
        """Return (SQL, parameters) for the store's clock, `after` seconds later."""

    def execute(self, driver: Any, sql: str, params: Sequence[Any]) -> list[Any]:
        """Where `direct`: execute one statement on the driver's connection; return its rows."""
        raise NotImplementedError

    def execute_and_commit(self, driver: Any, sql: str, params: Sequence[Any]) -> bool:
        """Execute a statement, and commit with it; False where that is not one round trip."""
        return False

    def private_settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the settings of a connection that no task uses."""
        return settings

    def prepare_private(self, connection: Any) -> None:
        """Set up such a connection, each time it was opened."""

    def using(self, index: str) -> str:
        """Return what goes behind the table's name so that no other index is taken.

        index: "PRIMARY", or one of LiveJob's. Only where planners choose badly.
        """
        return ""

    def delete_by_id(self, table: str, ids: list[str]) -> tuple[str, list[Any]]:
        """Return (SQL, parameters) to delete rows by primary key, walking no others."""
        return f"DELETE FROM {table} WHERE id IN ({', '.join(['%s'] * len(ids))})", [*ids]

    def unless_there(self) -> str:
        """Return the clause that lets an insert do nothing where its key is taken."""
        return " ON CONFLICT DO NOTHING"

    def overwrite(self, key: list[str], columns: list[str]) -> str:
        """Return the clause that lets an insert replace what is there."""
        sets = ", ".join(f"{name} = excluded.{name}" for name in columns)
        return f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sets}"

    def replace_failure(self, table: str, columns: list[str]) -> str:
        """Return the clause that lets an insert replace a failure, and never a success."""
        sets = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
        return f" ON CONFLICT (id) DO UPDATE SET {sets} WHERE {table}.status <> 'SUCCESSFUL'"


class SQLite(Dialect):
    """One host, one writer: the host's clock, and a transaction that is exclusive anyway."""

    skip_locked = ""
    for_update = ""
    direct = True
    retryable = ("locked", "busy")

    def execute(self, driver: Any, sql: str, params: Sequence[Any]) -> list[Any]:
        """Execute on a `sqlite3.Connection`."""
        return list(driver.execute(_question_marks(sql), params))

    def prepare_private(self, connection: Any) -> None:
        """Begin each transaction as the writer."""
        connection.transaction_mode = "IMMEDIATE"  # read by Django when it begins one

    def now(self, after: float = 0.0) -> tuple[str, list[Any]]:
        """Return the host's time as a parameter."""
        return "%s", [self.time(clock.now() + timedelta(seconds=after))]

    def using(self, index: str) -> str:
        """Return a hint: after ANALYZE, a queue that is empty looks as full as the others."""
        return "" if index == "PRIMARY" else f" INDEXED BY {index}"


@lru_cache(maxsize=64)
def _question_marks(sql: str) -> str:
    return sql.replace("%s", "?")


class PostgreSQL(Dialect):
    """The server's clock at the begin of the statement."""

    as_utc = AS_UTC
    retryable = ("deadlock", "could not serialize", "lock timeout")

    def __init__(self, vendor: str, *, direct: bool, pooled: bool) -> None:
        super().__init__(vendor)
        self.direct = direct
        self.pooled = pooled

    def execute(self, driver: Any, sql: str, params: Sequence[Any]) -> list[Any]:
        """Execute on a psycopg 3 connection, prepared where statements may be."""
        from django_convoy.db.postgres import execute  # lazy: psycopg is optional

        return execute(driver, sql, params, prepare=not self.pooled)

    def execute_and_commit(self, driver: Any, sql: str, params: Sequence[Any]) -> bool:
        """By a prepared statement."""
        from django_convoy.db.postgres_transaction import execute_and_commit  # lazy: optional

        return execute_and_commit(driver, sql, params)

    def private_settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return settings for a connection outside of any pool, that notices a dead network."""
        if not self.direct:
            return settings
        from django_convoy.db.postgres import private_settings  # lazy: psycopg is optional

        return private_settings(settings)

    def prepare_private(self, connection: Any) -> None:
        """Set what hot statements rely on: where it cannot be kept, they do without."""
        if not self.pooled:
            with connection.cursor() as cursor:
                cursor.execute(PRIVATE)

    def columns(self, listed: str) -> str:
        """Return times in UTC: without USE_TZ the driver cuts the offset off local ones."""
        names = listed.split(", ")
        return ", ".join(f"{name}{AS_UTC}" if name in TIMES else name for name in names)

    def now(self, after: float = 0.0) -> tuple[str, list[Any]]:
        """Return an expression."""
        if not after:
            return "statement_timestamp()", []
        return "statement_timestamp() + %s * interval '1 second'", [after]


PRIVATE = (
    "SET default_transaction_isolation = 'read committed'; SET lock_timeout = '2s'; SET jit = off; "
    # A plan made for a small table is kept when it has grown: only plans that stay good.
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; "
    "SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SET plan_cache_mode = force_generic_plan"
)


class MySQL(Dialect):
    """MariaDB and MySQL, whose InnoDB locks every row that a statement walks."""

    delete_returning = False

    def now(self, after: float = 0.0) -> tuple[str, list[Any]]:
        """Return an expression."""
        if not after:
            return "UTC_TIMESTAMP(6)", []
        return "UTC_TIMESTAMP(6) + INTERVAL %s MICROSECOND", [int(after * 1e6)]

    def using(self, index: str) -> str:
        """Return a hint: without it, a small table would be walked as a whole."""
        every_state = {"convoy_job_suspect": "convoy_job_ready"}  # no partial indexes here
        return f" FORCE INDEX ({every_state.get(index, index)})"

    def delete_by_id(self, table: str, ids: list[str]) -> tuple[str, list[Any]]:
        """Return a join that looks rows up one by one: DELETE takes no hint."""
        column = "id VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$'"
        chosen = f"JSON_TABLE(%s, '$[*]' COLUMNS ({column})) AS chosen"
        join = f"{chosen} STRAIGHT_JOIN {table} AS victim ON victim.id = chosen.id"
        return f"DELETE victim FROM {join}", [json.dumps(ids)]

    def unless_there(self) -> str:
        """Return the clause that changes nothing; IGNORE would also cut what is too long."""
        return " ON DUPLICATE KEY UPDATE id = id"

    def overwrite(self, key: list[str], columns: list[str]) -> str:
        """Return the same: whatever key is taken."""
        sets = ", ".join(f"{name} = VALUES({name})" for name in columns)
        return f" ON DUPLICATE KEY UPDATE {sets}"

    def replace_failure(self, table: str, columns: list[str]) -> str:
        """Return the same rule; status comes last, because the others look at it."""
        names = [name for name in columns if name not in ("id", "status")] + ["status"]
        sets = ", ".join(
            f"{name} = IF({table}.status = 'SUCCESSFUL', {table}.{name}, VALUES({name}))"
            for name in names
        )
        return f" ON DUPLICATE KEY UPDATE {sets}"


class Generic(SQLite):
    """Any other database of Django (Oracle, third parties): the client's clock, row locks."""

    def using(self, index: str) -> str:
        """Return nothing: hints are nobody's standard."""
        return ""

    skip_locked = " FOR UPDATE SKIP LOCKED"
    for_update = " FOR UPDATE"
    delete_returning = False
    direct = False


def dialect_of(connection: BaseDatabaseWrapper) -> Dialect:
    """Return the dialect of a connection."""
    if connection.vendor == "sqlite":
        return SQLite("sqlite")
    if connection.vendor == "postgresql":
        # What Django asks for where a pooler shares sessions between transactions.
        pooled = bool(connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"))
        return PostgreSQL("postgresql", direct=has_psycopg3(), pooled=pooled)
    if connection.vendor == "mysql":
        return MySQL("mysql")
    return Generic(connection.vendor)


def has_psycopg3() -> bool:
    """Return whether Django reaches PostgreSQL through psycopg 3, not 2."""
    from django.db.backends.postgresql.psycopg_any import is_psycopg3  # lazy: needs a driver

    return bool(is_psycopg3)


def aware(value: Any) -> datetime:
    """Return a NOT NULL time column as an aware time."""
    read = from_column(value)
    assert read is not None  # noqa: S101 - for the type checker; the column is NOT NULL
    return read
