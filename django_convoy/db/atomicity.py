"""The transactions that jobs run in."""

import contextlib
from collections.abc import Iterator
from typing import Any

from django.db import connections, transaction


@contextlib.contextmanager
def task_atomic(alias: str) -> Iterator[None]:
    """Open the transaction of an atomic job, on the connection that the task uses."""
    connection = connections[alias]
    connection.ensure_connection()
    if connection.vendor != "sqlite":
        with read_committed(connection), transaction.atomic(using=alias):
            yield
        return
    # Begin as the writer: a reader that turns writer half-way fails at once.
    mode = getattr(connection, "transaction_mode", None)
    connection.transaction_mode = "IMMEDIATE"  # type: ignore[attr-defined]
    try:
        with transaction.atomic(using=alias):
            yield
    finally:
        connection.transaction_mode = mode  # type: ignore[attr-defined]


@contextlib.contextmanager
def read_committed(connection: Any) -> Iterator[None]:
    """Have the next transaction see what others commit, whatever the site's isolation is: a
    lease that was renewed while the body ran could not be settled from an older snapshot."""
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        yield
        return
    from django.db.backends.postgresql.psycopg_any import IsolationLevel  # lazy: needs a driver

    driver = connection.connection
    before = driver.isolation_level
    driver.isolation_level = IsolationLevel.READ_COMMITTED
    try:
        yield
    finally:
        if not driver.closed:
            driver.isolation_level = before


@contextlib.contextmanager
def savepoints() -> Iterator[None]:
    """Set one in every transaction that this thread has open: an error inside undoes what was
    done inside, and the transaction around can go on."""
    with contextlib.ExitStack() as stack:
        for connection in connections.all(initialized_only=True):
            if connection.in_atomic_block:
                stack.enter_context(transaction.atomic(using=connection.alias))
        yield
