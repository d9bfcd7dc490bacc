"""The statements on the tables of schedules, of one alias and namespace.

The store's clock decides what is due, and all times go in and out aware, in UTC.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial
from typing import Any

from django_convoy.db.dialect import TIMES, aware
from django_convoy.db.fields import from_column
from django_convoy.db.session import Session

INDEX = "convoy_schedule_wake"
KEPT = 100
"""Firings of each schedule that are kept, at least."""
PRUNE_EACH = 20
"""After so many firings of a schedule its oldest are forgotten."""
OVER_SECONDS = 7 * 86400.0
"""How long a schedule that never fires again is shown."""
CHUNK = 500


@dataclass(slots=True)
class Row:
    """One schedule as it is stored; see `db.schedules.StoredSchedule`."""

    id: int
    namespace: str
    backend: str
    name: str
    task: str
    queue: str
    priority: int
    payload: str
    seal: str
    key_id: str
    rule: str
    intended: str
    catch_up: str
    overlap: str
    origin: str
    mark: str
    paused: bool
    retired: bool
    next_at: datetime | None
    wake_at: datetime | None
    fired: int
    last_at: datetime | None
    last_job: str
    failures: int
    failure: str
    created_at: datetime
    changed_at: datetime


@dataclass(slots=True)
class Fired:
    """One firing. job_id: empty for one that was skipped."""

    schedule_id: int
    intended_at: datetime
    fired_at: datetime
    job_id: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Advance:
    """What changes in a schedule that was looked at."""

    id: int
    next_at: datetime | None
    wake_at: datetime | None
    fired: int
    last_at: datetime | None
    last_job: str
    failures: int = 0
    failure: str = ""


NAMES = [field.name for field in fields(Row)]
_ADVANCED = [field.name for field in fields(Advance)][1:]
_FLAGS = ("paused", "retired")


class Table:
    """Reads and writes through one session; in its open transaction, if it has one."""

    def __init__(self, session: Session, namespace: str, backend: str) -> None:
        self.session = session
        self.dialect = session.dialect
        self._key = [namespace, backend]
        self._listed = self.dialect.columns(", ".join(NAMES))
        self._where = "namespace = %s AND backend = %s"

    # Reading

    def now(self) -> datetime:
        """Return what the store takes for now."""
        expression, params = self.dialect.now()
        return aware(self._one(f"SELECT {expression}{self.dialect.as_utc}", params)[0])

    def next_wake(self) -> float | None:
        """Return the seconds until the next schedule is to be looked at; None: none is.

        0 or less: now. One walk to the first entry of an index, however many there are.
        """
        now, params = self.dialect.now()
        utc = self.dialect.as_utc
        row = self._one(
            f"SELECT wake_at{utc}, {now}{utc}, (SELECT paused FROM convoy_schedule_site "
            f"WHERE {self._where}) FROM convoy_schedule{self.dialect.using(INDEX)} "
            f"WHERE {self._where} AND wake_at IS NOT NULL ORDER BY wake_at LIMIT 1",
            [*params, *self._key, *self._key],
        )
        if not row or row[2]:
            return None
        return (aware(row[0]) - aware(row[1])).total_seconds()

    def get(self, name: str) -> Row | None:
        """Return one schedule."""
        found = self._rows(f"WHERE {self._where} AND name = %s", [*self._key, name])
        return found[0] if found else None

    def all(self) -> list[Row]:
        """Return all schedules, by name."""
        return self._rows(f"WHERE {self._where} ORDER BY name", self._key)

    def take_due(self, limit: int) -> list[Row]:
        """Return what is to be looked at now and nobody else has taken; it is locked."""
        now, params = self.dialect.now()
        return self._rows(
            f"{self.dialect.using(INDEX)} WHERE {self._where} AND wake_at <= {now} "
            f"ORDER BY wake_at LIMIT {limit}{self.dialect.skip_locked}",
            [*self._key, *params],
        )

    def take(self, name: str) -> Row | None:
        """Return one schedule, locked."""
        if not self.dialect.for_update:
            self.update(name, {"name": name})  # SQLite lets only who has not read wait to write
        elif self.get(name) is None:
            return None  # some databases would lock the gap, and two that add wait for each other
        found = self._rows(
            f"WHERE {self._where} AND name = %s{self.dialect.for_update}", [*self._key, name]
        )
        return found[0] if found else None

    def fired(self, schedule_id: int, times: Sequence[datetime]) -> dict[datetime, str]:
        """Return which of these times were fired already, with the job of each."""
        rows = self._all(
            f"SELECT {self.dialect.columns('intended_at')}, job_id FROM convoy_firing "
            f"WHERE schedule_id = %s AND intended_at IN ({_marks(times)})",
            [schedule_id, *map(self.dialect.time, times)],
        )
        return {aware(row[0]): row[1] for row in rows}

    def history(self, schedule_id: int, limit: int) -> list[Fired]:
        """Return the last firings of a schedule, newest first."""
        names = "schedule_id, intended_at, fired_at, job_id, note"
        rows = self._all(
            f"SELECT {self.dialect.columns(names)} FROM convoy_firing WHERE schedule_id = %s "
            f"ORDER BY intended_at DESC LIMIT {limit}",
            [schedule_id],
        )
        return [Fired(row[0], aware(row[1]), aware(row[2]), row[3], row[4]) for row in rows]

    # Firing

    def insert_firings(self, firings: Sequence[Fired]) -> None:
        """Keep firings. Raises IntegrityError for a second one at the same time."""
        time = self.dialect.time
        self._many(
            "INSERT INTO convoy_firing (schedule_id, intended_at, fired_at, job_id, note) "
            "VALUES (%s, %s, %s, %s, %s)",
            [
                [one.schedule_id, time(one.intended_at), time(one.fired_at), one.job_id, one.note]
                for one in firings
            ],
        )

    def advance(self, steps: Sequence[Advance]) -> None:
        """Write what changes in locked rows."""
        sets = ", ".join(f"{name} = %s" for name in _ADVANCED)
        self._many(
            f"UPDATE convoy_schedule SET {sets} WHERE id = %s",
            [
                [*(self._value(name, getattr(one, name)) for name in _ADVANCED), one.id]
                for one in steps
            ],
        )

    def forget_old(self, schedule_id: int) -> None:
        """Forget all firings of a schedule but the last ones."""
        oldest = self._one(
            "SELECT id, intended_at FROM convoy_firing WHERE schedule_id = %s "
            f"ORDER BY intended_at DESC LIMIT 1 OFFSET {KEPT}",
            [schedule_id],
        )
        if oldest:
            self.session.statement(
                "DELETE FROM convoy_firing WHERE schedule_id = %s AND intended_at <= %s",
                [schedule_id, oldest[1]],
            )

    def failed(self, schedule_id: int, failure: str, after: float) -> None:
        """Say that a schedule could not be fired, and look at it again `after` seconds."""
        at, params = self.dialect.now(after)
        self.session.statement(
            f"UPDATE convoy_schedule SET failures = failures + 1, failure = %s, wake_at = {at} "
            "WHERE id = %s",
            [failure, *params, schedule_id],
        )

    # Changing

    def insert(self, values: Mapping[str, Any]) -> None:
        """Add a schedule, unless its name is taken."""
        names = ["namespace", "backend", *values]
        self._count(
            f"INSERT INTO convoy_schedule ({', '.join(names)}) VALUES ({_marks(names)})"
            f"{self.dialect.unless_there()}",
            [*self._key, *(self._value(name, value) for name, value in values.items())],
        )

    def update(self, name: str, values: Mapping[str, Any]) -> bool:
        """Change a schedule; return False where there is none of that name."""
        sets = ", ".join(f"{column} = %s" for column in values)
        return self._count(
            f"UPDATE convoy_schedule SET {sets} WHERE {self._where} AND name = %s",
            [*(self._value(one, value) for one, value in values.items()), *self._key, name],
        )

    def delete(self, schedule_id: int) -> None:
        """Remove a schedule with its history."""
        self.session.statement("DELETE FROM convoy_firing WHERE schedule_id = %s", [schedule_id])
        self.session.statement("DELETE FROM convoy_schedule WHERE id = %s", [schedule_id])

    def forget_over(self, limit: int) -> int:
        """Remove schedules that never fire again, if nobody would miss them: those that the code
        does not declare, a week after their last firing. Returns how many, `limit` at most."""
        before, params = self.dialect.now(-OVER_SECONDS)
        rows = self._all(
            f"SELECT id FROM convoy_schedule WHERE {self._where} AND next_at IS NULL "
            "AND origin NOT IN ('code', 'settings') "
            f"AND COALESCE(last_at, changed_at) < {before} LIMIT {limit}",
            [*self._key, *params],
        )
        for (schedule_id,) in rows:
            self.session.together(partial(self.delete, schedule_id))
        return len(rows)

    # The site

    def site(self) -> tuple[bool, str, str]:
        """Return (paused, edition, editions)."""
        row = self._one(
            f"SELECT paused, edition, editions FROM convoy_schedule_site WHERE {self._where}",
            self._key,
        )
        return (bool(row[0]), row[1], row[2]) if row else (False, "", "{}")

    def take_site(self) -> tuple[bool, str, str]:
        """Return the same, locked."""
        self._count(
            "INSERT INTO convoy_schedule_site (namespace, backend, paused, edition, editions) "
            f"VALUES (%s, %s, %s, '', '{{}}'){self.dialect.unless_there()}",
            [*self._key, False],
        )
        row = self._one(
            f"SELECT paused, edition, editions FROM convoy_schedule_site WHERE {self._where}"
            f"{self.dialect.for_update}",
            self._key,
        )
        return bool(row[0]), row[1], row[2]

    def update_site(self, values: Mapping[str, Any]) -> None:
        """Change what holds for all."""
        sets = ", ".join(f"{column} = %s" for column in values)
        self._count(
            f"UPDATE convoy_schedule_site SET {sets} WHERE {self._where}",
            [*values.values(), *self._key],
        )

    # How

    def _rows(self, rest: str, params: Sequence[Any]) -> list[Row]:
        return [
            _row(one)
            for one in self._all(f"SELECT {self._listed} FROM convoy_schedule {rest}", params)
        ]

    def _all(self, sql: str, params: Sequence[Any]) -> list[Any]:
        return self.session.read(lambda cursor: _fetch(cursor, sql, params))

    def _one(self, sql: str, params: Sequence[Any]) -> Any:
        found = self._all(sql, params)
        return found[0] if found else None

    def _count(self, sql: str, params: Sequence[Any]) -> bool:
        def work(cursor: Any) -> bool:
            cursor.execute(sql, params)
            return bool(cursor.rowcount > 0)

        return self.session.write(work)

    def _many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        rows = list(rows)

        def work(cursor: Any) -> None:
            for start in range(0, len(rows), CHUNK):
                cursor.executemany(sql, rows[start : start + CHUNK])

        if rows:
            self.session.write(work)

    def _value(self, name: str, value: Any) -> Any:
        return self.dialect.time(value) if name in TIMES else value


def _fetch(cursor: Any, sql: str, params: Sequence[Any]) -> list[Any]:
    cursor.execute(sql, params)
    return list(cursor.fetchall())


def _row(values: Sequence[Any]) -> Row:
    row = Row(*values)
    for name in NAMES:
        if name in TIMES:
            setattr(row, name, from_column(getattr(row, name)))
    for name in _FLAGS:
        setattr(row, name, bool(getattr(row, name)))
    return row


def _marks(values: Sequence[Any]) -> str:
    return ", ".join(["%s"] * len(values))
