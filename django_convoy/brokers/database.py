"""Jobs in a table of any Django database.

Ready is a state with an index of its own; delayed, lapsed and buried rows are never walked by
a claim. A claim is one short transaction: select (skipping what others lock), update.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from django_convoy.brokers.database_adopting import DatabaseAdopting
from django_convoy.brokers.database_browsing import DatabaseBrowsing
from django_convoy.brokers.database_idling import Idling
from django_convoy.brokers.database_server import DatabaseServer
from django_convoy.brokers.database_sweep import Sweep, read_note
from django_convoy.brokers.search import Search
from django_convoy.contracts.broker import Broker, Counts
from django_convoy.db.dialect import aware
from django_convoy.db.fields import from_column
from django_convoy.db.session import Session
from django_convoy.domain import ids
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import Envelope, Lease, Note
from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import Again, Bury, Verdict

T = TypeVar("T")
PUSH_COLUMNS = "id, queue, task, payload, seal, key_id, priority, state, wake_at, due, enqueued_at"
_PUSH = (
    f"INSERT INTO convoy_job ({PUSH_COLUMNS}, attempt, token, worker, note) "
    f"VALUES ({', '.join(['%s'] * 11)}, 0, '', '', '')"
)
_CLAIMED = "id, queue, task, payload, seal, key_id, priority, due, enqueued_at, attempt, note"
CHUNK = 500
PUSH_CHUNK = 1000


class DatabaseBroker(DatabaseBrowsing, DatabaseAdopting, DatabaseServer, Broker):
    """Any Django database, through one session."""

    needs_psycopg: ClassVar[bool] = False
    """Whether it works on PostgreSQL with psycopg 3 alone."""

    capabilities = Capabilities(transactional="default")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.dialect = session.dialect
        self._claimed = self.dialect.columns(_CLAIMED)
        self._by_id = f"convoy_job{self.dialect.using('PRIMARY')}"
        self.capabilities = Capabilities(transactional=session.alias)
        self._idling = Idling(session.folder)
        self._outages = 0
        self._sweep = Sweep(self.dialect, self._holder_lives)

    # Enqueueing

    def push(self, envelopes: Iterable[Envelope]) -> None:
        """Insert rows: one statement each, in one transaction when there are several."""
        envelopes = list(envelopes)
        if not envelopes:
            return
        rows = self._rows(envelopes)
        if len(rows) == 1:
            self._insert_one(rows[0])
        else:
            self._insert_many(rows)
        self._tell(envelopes)

    def _rows(self, envelopes: Sequence[Envelope]) -> list[list[Any]]:
        # Jobs of one batch were enqueued at one time, which is converted once.
        at = envelopes[0].enqueued_at
        column = self.dialect.time(at)
        return [
            self._row(one, column if one.enqueued_at is at else self.dialect.time(one.enqueued_at))
            for one in envelopes
        ]

    def _tell(self, envelopes: Sequence[Envelope]) -> None:
        """Wake who waits for these, once they can be seen."""
        self._wake_later(len(envelopes))

    def _wake_later(self, count: int) -> None:
        self.session.after_commit(lambda: self._wake(count))

    def _wake(self, count: int) -> None:
        """Wake idle workers for so many jobs that can be seen now; 0: for what was put off."""
        self._idling.wake(max(1, count))

    def _insert_one(self, row: list[Any]) -> None:
        self.session.statement(_PUSH, row)

    def _insert_many(self, rows: list[list[Any]]) -> None:
        def work(cursor: Any) -> None:
            for start in range(0, len(rows), PUSH_CHUNK):
                cursor.executemany(_PUSH, rows[start : start + PUSH_CHUNK])

        self.session.write(work)

    def _row(self, envelope: Envelope, enqueued_at: Any) -> list[Any]:
        due = envelope.due
        # Also what is due already: only the store's clock says so, when it is claimed.
        delayed = due is not None
        column = self.dialect.time(due)
        return [
            envelope.id,
            envelope.queue,
            envelope.task,
            envelope.payload,
            envelope.seal,
            envelope.key_id,
            envelope.priority,
            "delayed" if delayed else "ready",
            column if delayed else None,
            column,
            enqueued_at,
        ]

    # Claiming

    def claim(
        self,
        queues: Iterable[str],
        *,
        limit: int,
        lease: float,
        worker: str,
        wait: float = 0,
        may_suspect: Callable[[], bool] = lambda: True,
    ) -> list[Lease]:
        """Claim now, or when something comes within `wait` seconds."""
        outages = self.session.outages
        if outages != self._outages:  # live holders renew first after an outage
            self._sweep.spare_lapsed(lease / 3)
        found = self._idling.until(
            lambda: self._look(Search(queues, limit, lease, worker, may_suspect)),
            self.next_due,
            wait,
        )
        self._outages = outages
        return found

    def interrupt(self) -> None:
        """End a claim that waits."""
        self._idling.interrupt()

    def _holder_lives(self, token: str) -> bool:
        """Return whether the process that holds a claim is known to be alive."""
        name, dash, _ = token.partition("-")
        return bool(dash) and self._idling.lives(name)

    def _look(self, search: Search) -> list[Lease]:
        return self._claim(list(search.queues), search)

    def _claim(self, queues: Sequence[str], search: Search) -> list[Lease]:
        if self.dialect.vendor == "sqlite" and not self.session.read(
            lambda cursor: self._has_work(cursor, queues)
        ):
            return []  # without taking the one write lock
        name, token = self._idling.name(), ids.token()
        if name:
            token = f"{name}-{token}"
        return self.session.write(lambda cursor: self._take(cursor, queues, search, token))

    def _has_work(self, cursor: Any, queues: Sequence[str]) -> bool:
        for queue in queues:
            cursor.execute(
                f"SELECT 1 FROM convoy_job{self.dialect.using('convoy_job_ready')} "
                "WHERE state = 'ready' AND queue = %s LIMIT 1",
                [queue],
            )
            if cursor.fetchone():
                return True
        return self._sweep.is_due(cursor, queues)

    def _take(self, cursor: Any, queues: Sequence[str], search: Search, token: str) -> list[Lease]:
        self._sweep.run(cursor, search.lease)
        rows: list[Any] = []
        suspected = [queue for queue in queues if queue in self._sweep.suspects]
        if suspected and search.may_suspect():
            for queue in suspected:
                if rows := self._select(cursor, "suspect", queue, 1):
                    break
            else:
                search.no_suspect()
        if not rows:
            for queue in queues:
                rows += self._select(cursor, "ready", queue, search.limit - len(rows))
                if len(rows) >= search.limit:
                    break
        if not rows:
            return []
        until, params = self.dialect.now(search.lease)
        cursor.execute(
            f"UPDATE {self._by_id} SET state = 'leased', token = %s, worker = %s, "
            f"started_at = NULL, attempt = attempt + 1, wake_at = {until} "
            f"WHERE id IN ({_marks(rows)})",
            [token, search.worker, *params, *(row[0] for row in rows)],
        )
        return [lease_of(row, token) for row in rows]

    def _select(self, cursor: Any, state: str, queue: str, limit: int) -> list[Any]:
        cursor.execute(
            f"SELECT {self._claimed} FROM convoy_job{self.dialect.using('convoy_job_' + state)} "
            f"WHERE state = '{state}' AND queue = %s "
            f"ORDER BY priority DESC, id LIMIT {limit}{self.dialect.skip_locked}",
            [queue],
        )
        return list(cursor.fetchall())

    def next_due(self) -> float | None:
        """Return the seconds until the next delayed job is due or the next lease lapses."""
        return self.session.read(self._sweep.next_due)

    # Holding and settling

    def renew(self, leases: Sequence[Lease], *, lease: float) -> list[Renewal]:
        """Renew what is not being settled right now; never waits for a row."""
        return self.session.write(lambda cursor: self._renew(cursor, leases, lease))

    def _renew(self, cursor: Any, leases: Sequence[Lease], lease: float) -> list[Renewal]:
        free = self._owned(cursor, leases, self.dialect.skip_locked)
        until, params = self.dialect.now(lease)
        for chunk in _chunks([one.id for one in leases if (one.id, one.token) in free]):
            cursor.execute(
                f"UPDATE {self._by_id} SET wake_at = {until} WHERE id IN ({_marks(chunk)})",
                [*params, *chunk],
            )
        rest = [one for one in leases if (one.id, one.token) not in free]
        there = self._owned(cursor, rest, "") if rest else set()
        return [
            Renewal.HELD
            if (one.id, one.token) in free
            else Renewal.BUSY
            if (one.id, one.token) in there
            else Renewal.LOST
            for one in leases
        ]

    def _owned(self, cursor: Any, leases: Sequence[Lease], lock: str) -> set[tuple[str, str]]:
        """Return (id, token) of those leases that are still held."""
        owned: set[tuple[str, str]] = set()
        for chunk in _chunks([one.id for one in leases]):
            cursor.execute(
                f"SELECT id, token FROM {self._by_id} WHERE id IN ({_marks(chunk)}) "
                f"ORDER BY id{lock}",
                chunk,
            )
            owned.update((row[0], row[1]) for row in cursor.fetchall())
        return owned & {(one.id, one.token) for one in leases}

    def settle(self, settlements: Sequence[tuple[Lease, Verdict]]) -> list[bool]:
        """Delete what is done, put back what runs again, set aside what is buried."""
        return self.session.write(lambda cursor: self._settle(cursor, settlements))

    def _settle(self, cursor: Any, settlements: Sequence[tuple[Lease, Verdict]]) -> list[bool]:
        done: dict[str, list[str]] = {}
        other: dict[tuple[float, bool, str], list[Lease]] = {}
        for lease, verdict in settlements:
            if isinstance(verdict, Again | Bury):
                delay, refund = (
                    (verdict.delay, verdict.refund) if isinstance(verdict, Again) else (-1, False)
                )
                other.setdefault((delay, refund, _note(verdict.note)), []).append(lease)
            else:
                done.setdefault(lease.token, []).append(lease.id)
        settled: set[tuple[str, str]] = set()
        for token, job_ids in done.items():
            settled |= self._delete(cursor, token, job_ids)
        for (delay, refund, note), leases in other.items():
            owned = self._owned(cursor, leases, self.dialect.for_update)
            if owned:
                self._put_back(cursor, sorted(one for one, _ in owned), delay, refund, note)
                settled |= owned
        return [(lease.id, lease.token) in settled for lease, _ in settlements]

    def _delete(self, cursor: Any, token: str, job_ids: list[str]) -> set[tuple[str, str]]:
        gone: set[tuple[str, str]] = set()
        for chunk in _chunks(job_ids):
            where, params = f"id IN ({_marks(chunk)}) AND token = %s", [*chunk, token]
            if self.dialect.delete_returning:
                cursor.execute(f"DELETE FROM convoy_job WHERE {where} RETURNING id", params)
            else:
                cursor.execute(f"SELECT id FROM {self._by_id} WHERE {where} FOR UPDATE", params)
            found = [row[0] for row in cursor.fetchall()]
            if found and not self.dialect.delete_returning:
                cursor.execute(*self.dialect.delete_by_id("convoy_job", found))
            gone.update((one, token) for one in found)
        return gone

    def _put_back(
        self, cursor: Any, job_ids: list[str], delay: float, refund: bool, note: str
    ) -> None:
        """delay: seconds; 0 for ready at once, below 0 for buried."""
        until, params = self.dialect.now(delay) if delay > 0 else ("NULL", [])
        state = "delayed" if delay > 0 else "ready" if delay == 0 else "buried"
        if delay == 0 and read_note(note).suspect:
            state = "suspect"
        for chunk in _chunks(job_ids):
            cursor.execute(
                f"UPDATE {self._by_id} SET state = '{state}', wake_at = {until}, token = '', "
                f"worker = '', started_at = NULL, attempt = attempt - {int(refund)}, note = %s "
                f"WHERE id IN ({_marks(chunk)})",
                [*params, note, *chunk],
            )
        if state != "buried":
            self._wake_later(0 if state == "delayed" else len(job_ids))

    def mark_started(self, leases: Sequence[tuple[Lease, datetime]]) -> None:
        """Write when long jobs began, so that they read RUNNING. What is locked is being settled
        and not waited for."""

        def work(cursor: Any) -> None:
            free = self._owned(cursor, [lease for lease, _ in leases], self.dialect.skip_locked)
            for lease, started_at in leases:
                if (lease.id, lease.token) in free:
                    cursor.execute(
                        f"UPDATE {self._by_id} SET started_at = %s WHERE id = %s",
                        [self.dialect.time(started_at), lease.id],
                    )

        self.session.write(work)

    # The rest

    def counts(self, queue: str) -> Counts:
        """Count the rows of one queue."""
        return self.queues().get(queue, Counts())

    def together(self, work: Callable[[], T]) -> T:
        """Call `work` in one transaction of the session."""
        return self.session.together(work)

    def close(self) -> None:
        """Stand up, and close a private connection."""
        self._idling.close()
        self.session.close()


def _marks(values: Sequence[Any]) -> str:
    return ", ".join(["%s"] * len(values))


def _chunks(values: list[Any]) -> list[list[Any]]:
    return [values[start : start + CHUNK] for start in range(0, len(values), CHUNK)]


def _note(note: Note) -> str:
    data = note.to_json()
    return json.dumps(data) if data else ""


def lease_of(row: Any, token: str) -> Lease:
    """Return the lease of a row as it was before the claim; columns as in `_CLAIMED`."""
    (job_id, queue, task, payload, seal, key_id, priority, due, enqueued, attempt, note) = row
    envelope = Envelope(
        job_id, queue, task, payload, seal, key_id, priority, aware(enqueued), from_column(due)
    )
    return Lease(envelope, token, attempt + 1, read_note(note))
