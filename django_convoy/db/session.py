"""A way to one database: the caller's connection, or one that no task can touch."""

import contextlib
import random
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connections,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper

from django_convoy.db.dialect import Dialect, dialect_of
from django_convoy.db.turns import turns_in
from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError

T = TypeVar("T")
ATTEMPTS = 6
LAST_ATTEMPT = 3.0
"""No further attempt begins so many seconds after the first: SQLite's each wait by themselves."""


@lru_cache(maxsize=32)
def _beside(name: str) -> str:
    # Links are followed, so that all processes of one database meet in one folder.
    return f"{Path(name).resolve()}-convoy"


def is_watched(connection: Any) -> bool:
    """Return whether somebody would miss a statement that does not pass Django's cursor."""
    return bool(
        connection.execute_wrappers or connection.needs_rollback or connection.queries_logged
    )


class Session:
    """The connection of `connections[alias]`: joins the caller's transaction."""

    private = False

    def __init__(self, alias: str) -> None:
        if alias not in connections.settings:
            known = ", ".join(sorted(connections.settings))
            raise ConfigurationError(
                f"there is no database {alias!r} in DATABASES; there is: {known}"
            )
        self.alias = alias
        self.outages = 0
        """How often the database could not be reached."""
        self.dialect: Dialect = dialect_of(connections[alias])

    @property
    def connection(self) -> BaseDatabaseWrapper:
        """The connection of this thread."""
        return connections[self.alias]

    def folder(self) -> str | None:
        """Return the folder beside a SQLite file where its processes meet, else None."""
        connection: Any = connections[self.alias]  # asked for its settings, not opened
        if connection.vendor != "sqlite" or connection.is_in_memory_db():
            return None
        return _beside(str(connection.settings_dict["NAME"]))

    @contextlib.contextmanager
    def atomic(self) -> Iterator[None]:
        """Join the open transaction, or open one."""
        with transaction.atomic(using=self.alias, savepoint=False):
            yield

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call when what was written is visible to others."""
        if self.is_joined():
            transaction.on_commit(call, using=self.alias, robust=True)
        else:
            call()

    def latest_hook(self) -> Callable[[], None] | None:
        """Return what was last given to `after_commit` in the open savepoint, if nothing else
        was registered since."""
        connection: Any = self.connection
        if not self.is_joined() or self.private or not connection.run_on_commit:
            return None
        savepoints, hook, *_ = connection.run_on_commit[-1]
        return hook if savepoints == set(connection.savepoint_ids) else None

    def may_retry(self) -> bool:
        """Return whether a failed step can be done again without the caller's help."""
        return not self.is_joined()

    def write(self, work: Callable[[Any], T]) -> T:
        """Run `work(cursor)` in a transaction; see `step`."""

        def inside() -> T:
            with self.atomic(), self.connection.cursor() as cursor:
                return work(cursor)

        return self.step(inside)

    def read(self, work: Callable[[Any], T]) -> T:
        """Run `work(cursor)` outside a transaction of its own; see `step`."""

        def inside() -> T:
            with self.connection.cursor() as cursor:
                return work(cursor)

        return self.step(inside)

    def statement(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        """Execute one statement, a transaction of its own outside of others; return its rows.

        Where the dialect can, past Django's cursor, unless somebody watches that (DEBUG,
        `execute_wrapper()`): it takes as long as a quick statement itself.
        """
        return self.step(lambda: self._statement(sql, params))

    def _statement(self, sql: str, params: Sequence[Any]) -> list[Any]:
        connection: Any = self.connection
        driver = connection.connection
        if driver is None or not self.dialect.direct or is_watched(connection):
            with connection.cursor() as cursor:
                cursor.execute(sql, params)
                return list(cursor.fetchall()) if cursor.description else []
        with connection.wrap_database_errors:
            return self.dialect.execute(driver, sql, params)

    def last_statement(self, sql: str, params: Sequence[Any]) -> None:
        """Execute the last statement of the open transaction, and commit in the same round trip
        where the dialect can and nobody would miss it: Django's own commit, which has to follow,
        finds nothing left to do then."""
        connection: Any = self.connection
        watched = connection.savepoint_ids or is_watched(connection)
        if watched or not self.step(lambda: self._last_statement(connection, sql, params)):
            self.statement(sql, params)

    def _last_statement(self, connection: Any, sql: str, params: Sequence[Any]) -> bool:
        with connection.wrap_database_errors:
            return self.dialect.execute_and_commit(connection.connection, sql, params)

    def is_joined(self) -> bool:
        """Return whether a transaction is open that this session would join."""
        return bool(self.connection.in_atomic_block)

    def together(self, work: Callable[[], T]) -> T:
        """Run what calls `read` and `write` in one transaction; see `step`."""

        def inside() -> T:
            with self.atomic():
                return work()

        return self.step(inside)

    def step(self, work: Callable[[], T]) -> T:
        """Run one atomic step; again, a bounded number of times, after a lock or deadlock.

        Raises BrokerUnavailable when the database cannot be reached, ConfigurationError when
        Convoy's tables are missing.
        """
        attempt, began = 1, time.monotonic()
        while True:
            try:
                return work()
            except (OperationalError, InterfaceError, ProgrammingError) as error:
                if self._missing_table(error):
                    raise self._advice() from error
                if isinstance(error, ProgrammingError) or self.is_inner():
                    raise
                locked = any(word in str(error).lower() for word in self.dialect.retryable)
                again = attempt < ATTEMPTS and time.monotonic() - began < LAST_ATTEMPT
                if not (locked and again and self.may_retry()):
                    self.reset()
                    self.outages += 1
                    raise BrokerUnavailable(
                        f"database {self.alias!r}: {str(error).strip()}"
                    ) from error
                time.sleep(random.uniform(0.5, 1.5) * 0.005 * 2**attempt)  # noqa: S311 - spread
                attempt += 1

    def is_inner(self) -> bool:
        """Return whether a step of ours is open around this one, which judges its errors."""
        return False

    def _missing_table(self, error: Exception) -> bool:
        text = str(error).lower()
        return "convoy_" in text and any(
            words in text
            for words in ("no such", "does not exist", "doesn't exist", "unknown column")
        )

    def _advice(self) -> ConfigurationError:
        flag = "" if self.alias == "default" else f" --database {self.alias}"
        return ConfigurationError(
            f"the tables of Convoy in database {self.alias!r} are missing or old: "
            f"run `manage.py migrate{flag}`"
        )

    def reset(self) -> None:
        """Forget what an error may have left behind."""

    def close(self) -> None:
        """Give back what this session opened."""


class PrivateSession(Session):
    """A connection of its own per thread, for workers: what a task does to its connection
    (close it, leave a transaction open, change its settings) cannot reach it."""

    private = True

    def __init__(self, alias: str) -> None:
        self._local = threading.local()
        super().__init__(alias)

    @property
    def connection(self) -> BaseDatabaseWrapper:
        """The private connection of this thread."""
        made: BaseDatabaseWrapper | None = getattr(self._local, "connection", None)
        if made is None:
            made = self._local.connection = connections.create_connection(self.alias)
            made.settings_dict = self.dialect.private_settings(made.settings_dict)
            self._local.depth = 0
        assert made is not None  # noqa: S101 - for the type checker
        if made.connection is None:
            made.ensure_connection()
            self.dialect.prepare_private(made)
        return made

    @contextlib.contextmanager
    def atomic(self) -> Iterator[None]:
        """Join this session's open transaction, or open one."""
        connection = self.connection
        if self._local.depth:
            yield
            return
        turns = turns_in(self.folder())
        with contextlib.nullcontext() if turns is None else turns.take():
            after = yield from self._transaction(connection)
        for call in after:
            call()

    def _transaction(
        self, connection: BaseDatabaseWrapper
    ) -> Generator[None, None, list[Callable[[], None]]]:
        connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
        self._local.depth = 1
        self._local.after = []
        try:
            yield
            connection.commit()
        except BaseException:
            with contextlib.suppress(DatabaseError, InterfaceError):
                connection.rollback()
            raise
        finally:
            self._local.depth = 0
            try:
                connection.set_autocommit(True)
            except (DatabaseError, InterfaceError):
                connection.close()
        after: list[Callable[[], None]] = self._local.after
        return after

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call when what was written is visible to others."""
        if self.may_retry():
            call()
        else:
            self._local.after.append(call)

    def is_joined(self) -> bool:
        """Return whether this session has a transaction open."""
        return self.is_inner()

    def is_inner(self) -> bool:
        """Return whether this session has a transaction open."""
        return bool(getattr(self._local, "depth", 0))

    def reset(self) -> None:
        """Close the connection, so that the next step opens a new one."""
        made = getattr(self._local, "connection", None)
        if made is not None:
            with contextlib.suppress(DatabaseError, InterfaceError):
                made.close()

    def close(self) -> None:
        """Close the connection of this thread."""
        self.reset()
