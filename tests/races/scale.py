"""A database of the size of a busy site's, and what PostgreSQL does for a statement there."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.management import call_command
from django.db import connections
from psycopg import sql

from django_convoy.db.session import Session
from tests.worker.postgres import run_statement as postgres

READY, FEW, DELAYED, LEASED, FINISHED = 1_000_000, 10_000, 1_000_000, 100_000, 5_000_000
DUE, LAPSED, SUSPECTS = 1_000, 20, 100
TABLES = ("convoy_job", "convoy_history")

_JOB = (
    "INSERT INTO convoy_job (id, queue, task, payload, seal, key_id, priority, state, wake_at, "
    "enqueued_at, attempt, token, worker, note) SELECT {prefix} || lpad(to_hex(n), 31, '0'), "
    "{queue}, 'a.b', '{{}}', '1j-:x', 'k', {priority}, '{state}', {wake_at}, "
    "now() - interval '1 hour', {attempt}, {token}, {worker}, '' "
    "FROM generate_series(1, {count}) AS n"
)
_JOBS = [
    {"prefix": "'1'", "state": "ready", "queue": "'many'", "count": READY},
    {"prefix": "'2'", "state": "ready", "queue": "'few'", "count": FEW},
    {
        "prefix": "'3'",
        "state": "delayed",
        "queue": "'later'",
        "count": DELAYED,
        "wake_at": f"now() + (n - {DUE}) * interval '0.1 second'",
    },
    {
        "prefix": "'4'",
        "state": "leased",
        "queue": "'many'",
        "count": LEASED,
        "wake_at": f"now() + (n - {LAPSED}) * interval '1 second'",
        "token": "'token'",
        "worker": "'w'",
        "attempt": "1",
    },
    {"prefix": "'5'", "state": "suspect", "queue": "'doubtful'", "count": SUSPECTS},
]
_USUAL = {  # one job in a hundred is urgent
    "priority": "CASE WHEN n % 100 = 0 THEN 5 ELSE 0 END",
    "wake_at": "NULL::timestamptz",
    "token": "''",
    "worker": "''",
    "attempt": "0",
}
_HISTORY = (
    "INSERT INTO convoy_history (id, queue, task, payload, seal, key_id, priority, status, "
    "attempt, enqueued_at, started_at, finished_at, worker, result, note, expires_at) "
    "SELECT '0' || lpad(to_hex(n), 31, '0'), 'many', 'a.b', '{}', '1j-:x', 'k', 0, "
    "CASE WHEN n % 50 = 0 THEN 'FAILED' ELSE 'SUCCESSFUL' END, 1, at, at, at, 'w', 'null', '', "
    # One in a hundred has a time of its own, which has come for some twenty.
    f"CASE WHEN n % 100 = 1 THEN at + ({FINISHED} - 2000) * interval '0.5 second' END "
    f"FROM generate_series(1, {FINISHED}) AS n, "
    f"LATERAL (SELECT now() - ({FINISHED} - n) * interval '0.5 second') AS finished(at)"
)
"""Of the last 29 days."""


@contextlib.contextmanager
def database(alias: str) -> Iterator[None]:
    """Make a database that is full, known to Django as `alias`; drop it in the end."""
    url = os.environ["CONVOY_TEST_POSTGRES"]
    name = f"scale_{os.getpid()}"
    postgres(url, f"CREATE DATABASE {name}")
    try:
        connections.settings[alias] = {**connections.settings["postgres"], "NAME": name}
        call_command("migrate", "convoy", database=alias, verbosity=0)
        fill(alias)
        yield
    finally:
        connections[alias].close()
        del connections[alias], connections.settings[alias]
        postgres(url, f"DROP DATABASE {name} WITH (FORCE)")


def fill(alias: str) -> None:
    """Insert into tables without indexes and write-ahead log, then build and analyze them."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'")
        rebuild = []
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} SET UNLOGGED, SET (autovacuum_enabled = off)")
            cursor.execute(
                "SELECT pg_get_indexdef(indexrelid), indexrelid::regclass, indisprimary "
                "FROM pg_index WHERE indrelid = %s::regclass",
                [table],
            )
            for definition, index, primary in cursor.fetchall():
                drop = f"ALTER TABLE {table} DROP CONSTRAINT" if primary else "DROP INDEX"
                cursor.execute(f"{drop} {index}")
                key = f"ALTER TABLE {table} ADD CONSTRAINT {index} PRIMARY KEY (id)"
                rebuild.append(key if primary else definition)
        for rows in _JOBS:
            cursor.execute(_JOB.format(**_USUAL | rows))
        cursor.execute(_HISTORY)
        for statement in rebuild:
            cursor.execute(statement)
        cursor.execute(f"ANALYZE {', '.join(TABLES)}")


@dataclass(frozen=True)
class Statement:
    """What a verb executes. direct: past Django's cursor, where it may be prepared."""

    text: str
    params: Any
    direct: bool


class _Undone(Exception):
    pass


def recorded(session: Session, verb: Callable[[], object]) -> list[Statement]:
    """Return the statements of a verb, whose changes are undone."""
    seen: list[Statement] = []
    direct: set[str] = set()
    send = session._statement

    def note(text: str, params: Any) -> list[Any]:
        direct.add(text)
        return send(text, params)

    def wrapper(execute: Any, text: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(Statement(text, params[0] if many else params, text in direct))
        return execute(text, params, many, context)

    def work() -> None:
        with session.connection.execute_wrapper(wrapper):
            verb()
        raise _Undone

    session._statement = note  # type: ignore[method-assign]
    try:
        session.together(work)
    except _Undone:
        pass
    finally:
        del session._statement
    return seen


Plan = dict[str, Any]
MODES = {"prepared": "force_generic_plan", "once": "force_custom_plan"}


def explained(session: Session, statement: Statement, mode: str) -> Plan:
    """Run a statement, undo it, and return its plan: prepared, or planned for its values."""
    found: list[Plan] = []

    def work() -> None:
        text, params = statement.text, statement.params
        with session.connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL plan_cache_mode = {MODES[mode]}")
            if statement.direct:
                text, params = _call(session, cursor, statement), None
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}", params)
            found.append(cursor.fetchone()[0][0]["Plan"])
        raise _Undone

    with contextlib.suppress(_Undone):
        session.together(work)
    return found[0]


def _call(session: Session, cursor: Any, statement: Statement) -> str:
    """Have the driver prepare a statement; return the call of what the server has of it."""
    driver = session.connection.connection
    cursor.execute("SAVEPOINT prepared")
    session.dialect.execute(driver, statement.text, statement.params)
    cursor.execute("ROLLBACK TO prepared")
    cursor.execute("SELECT name FROM pg_prepared_statements ORDER BY prepare_time DESC LIMIT 1")
    values = sql.SQL(", ").join(map(sql.Literal, statement.params)).as_string(driver)
    return f'EXECUTE "{cursor.fetchone()[0]}"({values})'


def steps(plan: Plan) -> Iterator[Plan]:
    """Each step of a plan."""
    yield plan
    for one in plan.get("Plans", ()):
        yield from steps(one)


def rows(step: Plan) -> float:
    """How many rows a step came by, those included that it looked at in vain."""
    found = (
        step["Actual Rows"],
        step.get("Rows Removed by Filter", 0),
        step.get("Rows Removed by Index Recheck", 0),
    )
    return sum(found) * step["Actual Loops"]


def touched(plan: Plan) -> int:
    """How many pages were touched. The root says so of all but what nobody reads from."""
    read = {one.get("CTE Name") for one in steps(plan)}
    ends = [
        one
        for one in plan.get("Plans", ())
        if one.get("Subplan Name", "").startswith("CTE ")
        and one["Subplan Name"].removeprefix("CTE ") not in read
    ]
    return sum(one["Shared Hit Blocks"] + one["Shared Read Blocks"] for one in (plan, *ends))
