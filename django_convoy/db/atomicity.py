"""The transactions that jobs run in."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connections, transaction

from django_convoy.db.dialect import has_psycopg3

Hooks = list[Callable[[], object]]


@contextlib.contextmanager
def task_atomic(alias: str) -> Iterator[Hooks]:
    """Open the transaction of an atomic job, on the connection that the task uses.

    Its commit hooks are left to who opened it, in what is yielded, to be called when the commit
    is known: Django calls none behind one that fails, and takes its error for one of the commit.
    Where this joins a transaction, they stay with that.
    """
    connection: Any = connections[alias]
    connection.ensure_connection()
    outermost = not connection.in_atomic_block
    hooks: Hooks = []
    as_writer = begin_as_writer if connection.vendor == "sqlite" else contextlib.nullcontext
    with as_writer(connection), transaction.atomic(using=alias):
        if outermost and connection.vendor == "postgresql":
            begin_read_committed(connection)
        try:
            yield hooks
        finally:  # also behind an error: it may be that of a commit which took place
            if outermost:
                hooks += [hook for _, hook, *_ in connection.run_on_commit]
                connection.run_on_commit = []


@contextlib.contextmanager
def begin_as_writer(connection: Any) -> Iterator[None]:
    """Have the next transaction on SQLite begin as a writer: a reader that turns writer half-way
    fails at once."""
    mode = getattr(connection, "transaction_mode", None)
    connection.transaction_mode = "IMMEDIATE"
    try:
        yield
    finally:
        connection.transaction_mode = mode


def begin_read_committed(connection: Any) -> None:
    """Begin the transaction that Django will begin with the next statement as one that sees what
    others commit, whatever the site's isolation is: a lease that was renewed while the body ran
    could not be settled from an older snapshot."""
    if has_psycopg3():
        from django_convoy.db.postgres_transaction import begin  # lazy: psycopg is optional

        with connection.wrap_database_errors:
            if begin(connection.connection):
                return
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")


@contextlib.contextmanager
def savepoints() -> Iterator[None]:
    """Set one in every transaction that this thread has open: an error inside undoes what was
    done inside, and the transaction around can go on."""
    with contextlib.ExitStack() as stack:
        for connection in connections.all(initialized_only=True):
            if connection.in_atomic_block:
                stack.enter_context(transaction.atomic(using=connection.alias))
        yield
