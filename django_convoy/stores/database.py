"""Results in the table of finished jobs, written with the settle where both share a database."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django_convoy.contracts.store import STATUSES, SUCCESSFUL, Record, Retention, Store
from django_convoy.db.dialect import aware
from django_convoy.db.fields import from_column
from django_convoy.db.history import COLUMNS
from django_convoy.db.seats import WAITERS, Seats, seats_in
from django_convoy.db.session import Session
from django_convoy.domain import clock
from django_convoy.domain.envelope import NO_NOTE, Envelope, Note

_LISTED = ", ".join(COLUMNS)
_INSERT = f"INSERT INTO convoy_history ({_LISTED}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"


class DatabaseStore(Store):
    """The table `convoy_history`, through one session."""

    durable = True

    def __init__(self, session: Session) -> None:
        self.session = session
        self.alias = session.alias
        self._listed = session.dialect.columns(_LISTED)
        self._insert = _INSERT + session.dialect.replace_failure("convoy_history", COLUMNS)

    def finished(self, records: Sequence[Record]) -> None:
        """Insert rows in one statement's batch; wake who waits for results."""
        time = self.session.dialect.time
        rows = [
            (
                one.envelope.id,
                one.envelope.queue,
                one.envelope.task,
                one.envelope.payload,
                one.envelope.seal,
                one.envelope.key_id,
                one.envelope.priority,
                one.status,
                one.attempt,
                time(one.envelope.due),
                time(one.envelope.enqueued_at),
                time(one.started_at),
                time(one.finished_at),
                one.worker,
                one.result,
                "" if one.note is NO_NOTE else json.dumps(one.note.to_json()),
                None if one.keep is None else time(one.finished_at + one.keep),
            )
            for one in records
        ]
        self.session.write(lambda cursor: cursor.executemany(self._insert, rows))
        seats = seats_in(self.session.folder())
        if seats is not None:
            self.session.after_commit(lambda: _ring(seats))

    def get(self, job_id: str) -> Record | None:
        """One row, by primary key."""

        def work(cursor: Any) -> Any:
            cursor.execute(f"SELECT {self._listed} FROM convoy_history WHERE id = %s", [job_id])
            return cursor.fetchone()

        row = self.session.read(work)
        return None if row is None else _record(row)

    def wait(self, job_id: str, timeout: float) -> Record | None:
        """Wait to be woken by whoever settles; look seldom where nobody can wake us."""
        seats = seats_in(self.session.folder())
        seat = seats.take(WAITERS) if seats is not None else None
        if seats is None or seat is None:
            return super().wait(job_id, timeout)
        deadline = clock.monotonic() + timeout
        try:
            while True:
                seats.listen(seat)
                record = self.get(job_id)
                left = deadline - clock.monotonic()
                if record is not None or left <= 0:
                    return record
                seats.sleep(seat, min(left, 1.0))
        finally:
            seats.leave(seat)

    def remove(self, job_id: str) -> Record | None:
        """Delete one row; return what it said."""
        record = self.get(job_id)
        if record is None:
            return None

        def work(cursor: Any) -> int:
            cursor.execute("DELETE FROM convoy_history WHERE id = %s", [job_id])
            return int(cursor.rowcount)

        return record if self.session.write(work) else None

    def remark(self, job_id: str, text: str) -> None:
        """Write it where the end of a run is told."""

        def work(cursor: Any) -> None:
            lock = self.session.dialect.for_update
            cursor.execute(f"SELECT note FROM convoy_history WHERE id = %s{lock}", [job_id])
            if (row := cursor.fetchone()) is not None:
                note = {**(json.loads(row[0]) if row[0] else {}), "ended": text}
                cursor.execute(
                    "UPDATE convoy_history SET note = %s WHERE id = %s", [json.dumps(note), job_id]
                )

        self.session.write(work)

    def prune(self, retention: Retention, *, limit: int, namespace: str | None = None) -> int:
        """Delete a bounded batch, rule by rule, through an index each.

        In its order, oldest first: without one, a planner that expects many of them walks the
        whole table for the few there are.
        """
        now = clock.now()
        time = self.session.dialect.time
        own, prefix = _within(namespace)
        removed = self._delete(
            f"expires_at IS NOT NULL AND expires_at <= %s{own} ORDER BY expires_at",
            [time(now), *prefix],
            limit,
        )
        for status in STATUSES:
            age = retention.successes if status == SUCCESSFUL else retention.failures
            if age is not None:
                removed += self._delete(
                    f"status = %s AND finished_at < %s AND expires_at IS NULL{own} "
                    "ORDER BY finished_at",
                    [status, time(now - age), *prefix],
                    limit - removed,
                )
        if retention.newest_successes is not None:
            removed += self._keep_newest(retention.newest_successes, limit - removed, namespace)
        return removed

    def _keep_newest(self, count: int, limit: int, namespace: str | None) -> int:
        """Delete all but the newest successes that have no time of their own."""
        own, prefix = _within(namespace)

        def work(cursor: Any) -> Any:
            cursor.execute(
                f"SELECT {self.session.dialect.columns('finished_at')}, id FROM convoy_history "
                f"WHERE status = %s AND expires_at IS NULL{own} "
                f"ORDER BY finished_at DESC, id DESC LIMIT 1 OFFSET {int(count)}",
                [SUCCESSFUL, *prefix],
            )
            return cursor.fetchone()

        row = self.session.read(work)
        if row is None:
            return 0
        # The row found is the newest one that goes.
        edge = self.session.dialect.time(aware(row[0]))
        return self._delete(
            "status = %s AND expires_at IS NULL AND finished_at <= %s "
            f"AND (finished_at < %s OR id <= %s){own} ORDER BY finished_at",
            [SUCCESSFUL, edge, edge, row[1], *prefix],
            limit,
        )

    def _delete(self, where: str, params: list[Any], limit: int) -> int:
        if limit <= 0:
            return 0

        def choose(cursor: Any) -> list[str]:
            cursor.execute(f"SELECT id FROM convoy_history WHERE {where} LIMIT {limit}", params)
            return [row[0] for row in cursor.fetchall()]

        found = self.session.read(choose)
        if found:
            delete = self.session.dialect.delete_by_id("convoy_history", found)
            self.session.write(lambda cursor: cursor.execute(*delete))
        return len(found)

    def close(self) -> None:
        """Close a private connection."""
        self.session.close()


def _ring(seats: Seats) -> None:
    seats.ring(WAITERS, len(WAITERS))


def _within(namespace: str | None) -> tuple[str, list[str]]:
    """Return a further condition on the rows that an index found, and its parameters.

    Compared letter by letter: LIKE has wildcards and, on SQLite, no upper case; an order of text
    is another with each collation.
    """
    if namespace is None:
        return "", []
    if not namespace:
        return " AND queue NOT LIKE %s", ["%:%"]
    return f" AND SUBSTR(queue, 1, {len(namespace) + 1}) = %s", [f"{namespace}:"]


def _record(row: Any) -> Record:
    given = dict(zip(COLUMNS, row, strict=True))
    finished_at = aware(given["finished_at"])
    expires_at = from_column(given["expires_at"])
    keep: timedelta | None = None if expires_at is None else expires_at - finished_at
    envelope = Envelope(
        given["id"],
        given["queue"],
        given["task"],
        given["payload"],
        given["seal"],
        given["key_id"],
        given["priority"],
        aware(given["enqueued_at"]),
        from_column(given["due"]),
    )
    note = Note.from_json(json.loads(given["note"])) if given["note"] else NO_NOTE
    return Record(
        envelope,
        given["status"],
        given["attempt"],
        note,
        given["result"],
        from_column(given["started_at"]),
        finished_at,
        keep,
        given["worker"],
    )
