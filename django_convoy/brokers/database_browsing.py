"""Looking at the jobs of a database broker, and changing those that nobody holds."""

from collections.abc import Iterator, Mapping
from typing import Any

from django_convoy.brokers.database_idling import Idling
from django_convoy.brokers.database_sweep import Sweep, queues_in, read_note
from django_convoy.contracts.broker import Browsable, Counts, Held
from django_convoy.db.dialect import aware
from django_convoy.db.fields import from_column
from django_convoy.db.session import Session
from django_convoy.domain.envelope import Envelope

_COLUMNS = (
    "id, queue, task, payload, seal, key_id, priority, due, enqueued_at, "
    "attempt, note, state, worker, started_at, wake_at"
)


def _held(row: Any) -> Held:
    (job_id, queue, task, payload, seal, key_id, priority, due, enqueued) = row[:9]
    attempt, note, state, worker, started, wake = row[9:]
    return Held(
        Envelope(
            job_id, queue, task, payload, seal, key_id, priority, aware(enqueued), from_column(due)
        ),
        state,
        attempt,
        read_note(note),
        worker,
        from_column(started),
        from_column(wake),
    )


class DatabaseBrowsing(Browsable):
    """The role `Browsable` of the database broker."""

    session: Session
    _idling: Idling
    _sweep: Sweep

    def _wake_later(self, count: int) -> None:
        raise NotImplementedError

    def _listed(self) -> str:
        return self.session.dialect.columns(_COLUMNS)

    def find(self, job_id: str) -> Held | None:
        """One row, by primary key."""

        def work(cursor: Any) -> Any:
            cursor.execute(f"SELECT {self._listed()} FROM convoy_job WHERE id = %s", [job_id])
            return cursor.fetchone()

        row = self.session.read(work)
        return None if row is None else _held(row)

    def jobs(self, *, queue: str = "", state: str = "", limit: int = 100) -> Iterator[Held]:
        """Rows, oldest first."""
        wanted = [(name, value) for name, value in (("queue", queue), ("state", state)) if value]
        where = " AND ".join(f"{name} = %s" for name, _ in wanted)

        def work(cursor: Any) -> Any:
            cursor.execute(
                f"SELECT {self._listed()} FROM convoy_job {'WHERE ' + where if where else ''} "
                f"ORDER BY id LIMIT {int(limit)}",
                [value for _, value in wanted],
            )
            return cursor.fetchall()

        return map(_held, self.session.read(work))

    def remove(self, job_id: str) -> Envelope | None:
        """Delete a row that nobody holds."""

        def work(cursor: Any) -> Held | None:
            lock = self.session.dialect.for_update
            cursor.execute(
                f"SELECT {self._listed()} FROM convoy_job "
                f"WHERE id = %s AND state <> 'leased'{lock}",
                [job_id],
            )
            row = cursor.fetchone()
            if row is None:
                return None
            cursor.execute("DELETE FROM convoy_job WHERE id = %s", [job_id])
            return _held(row)

        held = self.session.write(work)
        return None if held is None else held.envelope

    def revive(self, job_id: str) -> bool:
        """Make a row that waits or is set aside ready, with a clean note."""

        def work(cursor: Any) -> bool:
            cursor.execute(
                "UPDATE convoy_job SET state = 'ready', wake_at = NULL, note = '', attempt = 0 "
                "WHERE id = %s AND state IN ('buried', 'delayed', 'suspect')",
                [job_id],
            )
            return int(cursor.rowcount) > 0

        revived = self.session.write(work)
        if revived:
            self._wake_later(1)
        return revived

    def queues(self) -> Mapping[str, Counts]:
        """Count by queue and state."""

        def work(cursor: Any) -> Any:
            cursor.execute("SELECT queue, state, COUNT(*) FROM convoy_job GROUP BY queue, state")
            return cursor.fetchall()

        found: dict[str, dict[str, int]] = {}
        for queue, state, count in self.session.read(work):
            states = found.setdefault(queue, {})
            name = "ready" if state == "suspect" else state
            states[name] = states.get(name, 0) + count
        return {queue: Counts(**states) for queue, states in sorted(found.items())}

    def ready_queues(self) -> list[str]:
        """Look into the indexes of ready jobs, and of those that a claim would make ready."""

        def work(cursor: Any) -> list[str]:
            names = [*queues_in(cursor, "ready"), *queues_in(cursor, "suspect")]
            return list(dict.fromkeys([*names, *self._sweep.due_queues(cursor)]))

        return self.session.read(work)
