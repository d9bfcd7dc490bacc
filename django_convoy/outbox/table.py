"""The rows of the outbox, by hand-written statements."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django_convoy.contracts.broker import Counts, Held
from django_convoy.db.dialect import aware
from django_convoy.db.fields import from_column
from django_convoy.db.session import Session
from django_convoy.domain import ids
from django_convoy.domain.envelope import NO_NOTE, Envelope, Note
from django_convoy.outbox.presence import Presence

NAME = "convoy_outbox"
SEND, PARKED = "send", "parked"
_JOB = "id, queue, task, payload, seal, key_id, priority, due, enqueued_at, attempt, note"
_COLUMNS = f"{_JOB}, backend, state, token, wake_at"
_LISTED = f"{_JOB}, state, wake_at"
CHUNK = 500
GRACE = 15.0
"""Seconds in which a row is sent by who holds it; then by any steward."""


class Table:
    """The rows of one backend.

    backend: its alias, with the namespace in front. A row with a token is held until `wake_at` by
    whoever is sending it; one without waits for that time.
    """

    def __init__(self, session: Session, backend: str) -> None:
        self.session = session
        self.dialect = session.dialect
        self.backend = backend
        self._listed = self.dialect.columns(_LISTED)
        self._by_time = f"{NAME}{self.dialect.using('convoy_outbox_wake')}"
        self._by_id = f"{NAME}{self.dialect.using('PRIMARY')}"
        self._is_there = Presence(session, NAME)

    def exists(self) -> bool:
        """Return whether the site's database has the table; asks once, if it has."""
        return self._is_there()

    # Writing

    def add(self, jobs: Sequence[Envelope], token: str = "") -> None:
        """Write jobs that are to be sent, by who has the token, or at once by a steward."""
        seconds = GRACE if token else 0.0
        rows = [self._row(one, 0, "", SEND, token) for one in jobs]
        if len(rows) > 1 and self.dialect.vendor == "postgresql" and self.dialect.direct:
            from django_convoy.outbox.postgres import insert  # lazy: psycopg is optional

            insert(self.session, rows, self.backend, token, seconds)
        else:
            clock, params = self.dialect.now(seconds)
            self._insert([row + params for row in rows], clock)

    def park(self, jobs: Iterable[tuple[Held, datetime]]) -> None:
        """Write jobs that are to be sent at a time."""
        rows = [
            [*self._row(one.envelope, one.attempt, _note(one.note), PARKED, ""), self._time(at)]
            for one, at in jobs
        ]
        self._insert(rows, "%s")

    def _row(
        self, envelope: Envelope, attempt: int, note: str, state: str, token: str
    ) -> list[Any]:
        return [
            envelope.id,
            envelope.queue,
            envelope.task,
            envelope.payload,
            envelope.seal,
            envelope.key_id,
            envelope.priority,
            self._time(envelope.due),
            self._time(envelope.enqueued_at),
            attempt,
            note,
            self.backend,
            state,
            token,
        ]

    def _time(self, at: datetime | None) -> Any:
        return self.dialect.time(at)

    def _insert(self, rows: list[list[Any]], clock: str) -> None:
        if not rows:
            return
        values = f"({', '.join(['%s'] * 14)}, {clock})"
        if len(rows) == 1:
            self.session.statement(f"INSERT INTO {NAME} ({_COLUMNS}) VALUES {values}", rows[0])
            return

        def work(cursor: Any) -> None:
            for start in range(0, len(rows), CHUNK):
                chunk = rows[start : start + CHUNK]
                cursor.execute(
                    f"INSERT INTO {NAME} ({_COLUMNS}) VALUES {', '.join([values] * len(chunk))}",
                    [value for row in chunk for value in row],
                )

        self.session.write(work)

    def restore(self, token: str, jobs: Sequence[Held]) -> None:
        """Write rows again that were withdrawn; they are held by who has the token, if any."""
        clock, params = self.dialect.now(GRACE if token else 0.0)
        rows = [self._row(job.envelope, job.attempt, _note(job.note), SEND, token) for job in jobs]
        self._insert([row + params for row in rows], clock)

    def withdraw(self, token: str, job_ids: Sequence[str]) -> set[str]:
        """Delete those rows that have this token; return their ids."""

        def work(cursor: Any) -> set[str]:
            found = set()
            for start in range(0, len(job_ids), CHUNK):
                chunk = list(job_ids[start : start + CHUNK])
                cursor.execute(
                    f"SELECT id FROM {self._by_id} WHERE id IN ({_marks(chunk)}) AND token = %s "
                    f"ORDER BY id{self.dialect.for_update}",
                    [*chunk, token],
                )
                if ours := [row[0] for row in cursor.fetchall()]:
                    cursor.execute(*self.dialect.delete_by_id(NAME, ours))
                    found.update(ours)
            return found

        return self.session.write(work)

    def delete(self, job_ids: Sequence[str]) -> None:
        """Forget jobs that were sent."""
        if len(job_ids) == 1:
            self.session.statement(f"DELETE FROM {NAME} WHERE id = %s", job_ids)
            return

        def work(cursor: Any) -> None:
            for start in range(0, len(job_ids), CHUNK):
                chunk = list(job_ids[start : start + CHUNK])
                cursor.execute(*self.dialect.delete_by_id(NAME, chunk))

        if job_ids:
            self.session.write(work)

    # Sending

    def next_own(self, token: str, after: str, last: str, limit: int) -> tuple[str, list[str]]:
        """Return how far it looked, and the ids behind `after` up to `last` with this token."""
        rows = self.session.statement(
            # By nothing but the key, so that every planner walks along it.
            f"SELECT id, token FROM {self._by_id} WHERE id > %s AND id <= %s ORDER BY id "
            f"LIMIT {limit}",
            [after, last],
        )
        return (rows[-1][0] if rows else last), [row[0] for row in rows if row[1] == token]

    def take_own(self, token: str, job_ids: Sequence[str]) -> list[Held]:
        """Hold rows with this token, and return them: what a steward has taken meanwhile is not
        ours any more."""
        where = f"id IN ({_marks(job_ids)}) AND token = %s ORDER BY id"
        return self._take(self._by_id, where, [*job_ids, token], len(job_ids), token)

    def take(self, limit: int) -> tuple[str, list[Held]]:
        """Hold rows whose time has come; return the token and them."""
        now, params = self.dialect.now()
        where, token = f"backend = %s AND wake_at <= {now} ORDER BY wake_at", ids.token()
        given = [self.backend, *params]
        return token, self._take(self._by_time, where, given, limit, token)

    def take_one(self, job_id: str) -> Held | None:
        """Hold a row that nobody is sending, whatever its time is."""
        now, params = self.dialect.now()
        where = f"id = %s AND backend = %s AND (token = '' OR wake_at <= {now})"
        given = [job_id, self.backend, *params]
        return next(iter(self._take(self._by_id, where, given, 1, ids.token())), None)

    def _take(
        self, table: str, where: str, params: list[Any], limit: int, token: str
    ) -> list[Held]:
        """Hold rows as what may have been sent; return them as they were."""

        def work(cursor: Any) -> list[Held]:
            cursor.execute(
                f"SELECT {self._listed} FROM {table} "
                f"WHERE {where} LIMIT {limit}{self.dialect.skip_locked}",
                params,
            )
            found = [_held(row) for row in cursor.fetchall()]
            until, given = self.dialect.now(GRACE)
            sets = f"state = '{SEND}', wake_at = {until}, token = %s"
            for some in _chunks(found):
                cursor.execute(
                    f"UPDATE {self._by_id} SET {sets} WHERE id IN ({_marks(some)})",
                    [*given, token, *some],
                )
            return found

        return self.session.write(work)

    def put_back(self, token: str, jobs: Sequence[Held], seconds: float, why: str = "") -> None:
        """Hold rows no longer, and have them taken in so many seconds. why: kept in their notes."""
        until, given = self.dialect.now(seconds)

        def work(cursor: Any) -> None:
            if why:
                for one in jobs:
                    cursor.execute(
                        f"UPDATE {self._by_id} SET note = %s WHERE id = %s",
                        [_note(replace(one.note, waiting=why)), one.envelope.id],
                    )
            for some in _chunks(jobs):
                cursor.execute(
                    f"UPDATE {self._by_id} SET wake_at = {until}, token = '' "
                    f"WHERE id IN ({_marks(some)}) AND token = %s",
                    [*given, *some, token],
                )

        self.session.write(work)

    def next_due(self) -> float | None:
        """Return the seconds until a row's time has come, None where there is no row."""
        left = self._left()
        return None if left is None else max(0.0, left)

    def _left(self) -> float | None:
        now, params = self.dialect.now()
        rows = self.session.statement(
            f"SELECT {self.dialect.columns('wake_at')}, {now}{self.dialect.as_utc} "
            f"FROM {self._by_time} WHERE backend = %s ORDER BY wake_at LIMIT 1",
            [*params, self.backend],
        )
        if not rows:
            return None
        first, at = aware(rows[0][0]), aware(rows[0][1])
        return (first - at).total_seconds()

    def late(self) -> float | None:
        """Return for how many seconds a row's time has been over, None where there is none."""
        left = self._left()
        return None if left is None or left > 0 else -left

    # Looking

    def find(self, job_id: str) -> Held | None:
        """Return one job, or None."""
        rows = self._read("id = %s", [job_id], 1)
        return rows[0] if rows else None

    def jobs(self, *, queue: str = "", limit: int = 100) -> Iterator[Held]:
        """Return jobs, oldest first."""
        where, params = ("queue = %s", [queue]) if queue else ("", [])
        return iter(self._read(where, params, limit))

    def _read(self, where: str, params: list[Any], limit: int) -> list[Held]:
        also = f" AND {where}" if where else ""
        rows = self.session.statement(
            f"SELECT {self._listed} FROM {NAME} WHERE backend = %s{also} "
            f"ORDER BY id LIMIT {int(limit)}",
            [self.backend, *params],
        )
        return [_held(row) for row in rows]

    def queues(self) -> Mapping[str, Counts]:
        """Count by queue: all of them are delayed."""
        return {name: Counts(delayed=count) for name, count in self._grouped("queue")}

    def keys(self) -> dict[str, int]:
        """Count by the key that they are signed with."""
        return dict(self._grouped("key_id"))

    def states(self) -> dict[str, int]:
        """Count by state."""
        return dict(self._grouped("state"))

    def _grouped(self, column: str) -> list[tuple[str, int]]:
        rows = self.session.statement(
            f"SELECT {column}, COUNT(*) FROM {NAME} WHERE backend = %s GROUP BY {column}",
            [self.backend],
        )
        return [(name, int(count)) for name, count in rows]

    def remove(self, job_id: str) -> Envelope | None:
        """Delete a row that nobody is sending; return its job."""

        def work(cursor: Any) -> Envelope | None:
            now, params = self.dialect.now()
            cursor.execute(
                f"SELECT {self._listed} FROM {self._by_id} WHERE id = %s AND backend = %s "
                f"AND (token = '' OR wake_at <= {now}){self.dialect.for_update}",
                [job_id, self.backend, *params],
            )
            row = cursor.fetchone()
            if row is None:
                return None
            cursor.execute(f"DELETE FROM {NAME} WHERE id = %s", [job_id])
            return _held(row).envelope

        return self.session.write(work)

    def purge(self, queue: str) -> int:
        """Delete the rows of a queue that nobody is sending; return how many."""
        now, params = self.dialect.now()

        def work(cursor: Any) -> int:
            cursor.execute(
                f"DELETE FROM {NAME} WHERE backend = %s AND queue = %s "
                f"AND (token = '' OR wake_at <= {now})",
                [self.backend, queue, *params],
            )
            return int(cursor.rowcount)

        return self.session.write(work)


def _chunks(jobs: Sequence[Held]) -> Iterator[list[str]]:
    for start in range(0, len(jobs), CHUNK):
        yield [one.envelope.id for one in jobs[start : start + CHUNK]]


def _marks(values: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(values))


def _note(note: Note) -> str:
    data = note.to_json()
    return json.dumps(data) if data else ""


def _held(row: Any) -> Held:
    (job_id, queue, task, payload, seal, key_id, priority, due, enqueued) = row[:9]
    attempt, note, state, wake = row[9:]
    return Held(
        Envelope(
            job_id, queue, task, payload, seal, key_id, priority, aware(enqueued), from_column(due)
        ),
        state,
        attempt,
        Note.from_json(json.loads(note)) if note else NO_NOTE,
        wake_at=from_column(wake),
    )
