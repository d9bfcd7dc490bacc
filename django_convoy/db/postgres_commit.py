"""The last statement of a transaction and its COMMIT, in one round trip.

psycopg prepares a statement by name, so that what is sent each time can be a short text,
`EXECUTE name(...); COMMIT`: of several statements in one text, none after a failed one is done.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from psycopg import Connection, Cursor


def execute_and_commit(
    driver: "Connection[Any]", sql: str, params: Sequence[str | datetime | None]
) -> bool:
    """Return False, with nothing done, where the statement is not prepared. What the driver
    raises does not say which of the two failed."""
    name = _name(driver, sql)
    # Where backslashes are escapes, what is quoted here would be another text.
    if not name or driver.pgconn.parameter_status(b"standard_conforming_strings") != b"on":
        return False
    given = ", ".join(map(_literal, params))
    Cursor(driver).execute(f'EXECUTE "{name}"({given}); COMMIT'.encode(), prepare=False)
    return True


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
