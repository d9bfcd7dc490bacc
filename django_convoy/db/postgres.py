"""What Convoy asks of psycopg 3 directly."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection, Cursor


def execute(
    driver: "Connection[Any]", sql: str, params: Sequence[Any], *, prepare: bool
) -> list[Any]:
    """Execute one statement with parameters bound by the server; return its rows.

    Django's cursor binds them on the client, where nothing can be prepared.
    """
    cursor = Cursor(driver)
    if not prepare:
        cursor.execute(sql, params, prepare=False)
    else:
        threshold = driver.prepare_threshold  # None switches it off, whatever a call asks for
        driver.prepare_threshold = 0
        try:
            cursor.execute(sql, params, prepare=True)
        finally:
            driver.prepare_threshold = threshold
    return cursor.fetchall() if cursor.description else []


def array(values: Iterable[str | None]) -> str:
    """Return the text of an array: quicker than adapting a list item by item."""
    return "{" + ",".join([_item(value) for value in values]) + "}"


def _item(value: str | None) -> str:
    if value is None:
        return "NULL"
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    return '"' + value.replace('"', '\\"') + '"'


def times(values: Iterable[datetime | None]) -> str:
    """Return the text of an array of aware times."""
    return "{" + ",".join([str(value) if value else "NULL" for value in values]) + "}"


def copy(connection: Any, statement: str, text: str) -> None:
    """Send rows by COPY, in the connection's transaction or one of its own."""
    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection).copy(statement) as sink:
        sink.write(text)
