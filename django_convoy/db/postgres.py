"""What Convoy asks of psycopg 3 directly."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.db import connections
from psycopg import Connection, Cursor
from psycopg.pq import ExecStatus

from django_convoy.domain.errors import BrokerUnavailable

TUPLES_OK = ExecStatus.TUPLES_OK
NETWORK: dict[str, Any] = {
    "application_name": "convoy",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""libpq's options: a server that fell silent is given up within seconds, not hours."""


def private_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return a database's settings for a connection of ours, outside of Django's pool."""
    options = {**NETWORK, **settings["OPTIONS"]}
    options.pop("pool", None)
    return {**settings, "OPTIONS": options}


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
    result = cursor.pgresult
    return cursor.fetchall() if result is not None and result.status == TUPLES_OK else []


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


def micros(base: datetime, values: Iterable[datetime | None]) -> str:
    """Return the text of an array of times as microseconds from a base: short, quick to read."""
    spans = [None if value is None else (value - base) // _MICRO for value in values]
    return "{" + ",".join(["NULL" if span is None else str(span) for span in spans]) + "}"


_MICRO = timedelta(microseconds=1)


def copy(connection: Any, statement: str, pieces: Iterable[str]) -> None:
    """Send rows by COPY, in the connection's transaction or one of its own."""
    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection).copy(statement) as sink:
        for piece in pieces:
            sink.write(piece)


def connect(alias: str, dsn: str = "") -> "Connection[Any]":
    """Open a connection of its own, in autocommit: to a database of Django's, or to a DSN.

    Raises BrokerUnavailable.
    """
    try:
        if dsn:
            return psycopg.connect(dsn, autocommit=True, **NETWORK)
        wrapper: Any = connections.create_connection(alias)
        wrapper.settings_dict = private_settings(wrapper.settings_dict)
        driver: Connection[Any] = wrapper.get_new_connection(wrapper.get_connection_params())
        driver.autocommit = True
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise BrokerUnavailable(f"database {alias!r}: {str(error).strip()}") from error
    return driver
