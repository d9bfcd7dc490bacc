"""The ends of a transaction of psycopg's, each in one round trip by libpq's own call.

psycopg sends a BEGIN as a statement of its own, and looks for signals and notifications around
each: that takes as long as the round trip. Between the ends it does its work as ever. Signals that
come during one of these two calls are heard behind it.

psycopg prepares a statement by name, so that what is sent each time can be a short text,
`EXECUTE name(...); COMMIT`: of several statements in one text, none after a failed one is done.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, PipelineStatus

COMMAND_OK = ExecStatus.COMMAND_OK
NO_PIPELINE = PipelineStatus.OFF


def begin(driver: "Connection[Any]") -> bool:
    """Begin a transaction that sees what others commit, whatever the connection's isolation is.

    Return False, with nothing done, for one that was told more of its transactions.
    """
    if driver.read_only is not None or driver.deferrable is not None:
        return False
    _execute(driver, b"BEGIN ISOLATION LEVEL READ COMMITTED")
    return True


def execute_and_commit(
    driver: "Connection[Any]", sql: str, params: Sequence[str | datetime | None]
) -> bool:
    """Return False, with nothing done, where the statement is not prepared. What the driver
    raises does not say which of the two failed."""
    pgconn = driver.pgconn
    name = _name(driver, sql)
    if not name or pgconn.pipeline_status != NO_PIPELINE:
        return False
    # Where backslashes are escapes, what is quoted here would be another text.
    if pgconn.parameter_status(b"standard_conforming_strings") != b"on":
        return False
    given = ", ".join(map(_literal, params))
    _execute(driver, f'EXECUTE "{name}"({given}); COMMIT'.encode(driver.info.encoding))
    return True


def _execute(driver: "Connection[Any]", sql: bytes) -> None:
    result = driver.pgconn.exec_(sql)
    if result.status == COMMAND_OK:
        return
    if driver.pgconn.status == ConnStatus.BAD:
        raise psycopg.OperationalError(driver.pgconn.error_message.decode(errors="replace"))
    raise error_from_result(result, encoding=driver.info.encoding)


def _name(driver: "Connection[Any]", sql: str) -> str:
    """Return the name under which psycopg has prepared a statement; it forgets them all after a
    ROLLBACK. Empty if it has not, or if it keeps its names elsewhere than in the releases known."""
    names: dict[Any, bytes] = getattr(getattr(driver, "_prepared", None), "_names", {})
    query = _numbered(sql)
    for key in names:
        if key[0] == query:
            return str(names[key].decode())
    return ""


@lru_cache(maxsize=8)
def _numbered(sql: str) -> bytes:
    """Return the statement as psycopg sends it."""
    first, *rest = sql.split("%s")
    return (first + "".join(f"${n}{text}" for n, text in enumerate(rest, 1))).encode()


def _literal(value: str | datetime | None) -> str:
    # psycopg's own way costs as much as the round trip that is saved.
    if value is None:
        return "NULL"
    text = value if isinstance(value, str) else value.isoformat()
    return "'" + text.replace("'", "''") + "'"
