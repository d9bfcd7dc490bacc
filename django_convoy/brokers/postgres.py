"""Jobs in PostgreSQL, through psycopg 3: the database broker with statements of its own.

A claim and a settle are one statement each, of a batch; what is settled moves into the history
without coming back to us.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from django.db import DataError

from django_convoy.brokers import postgres_statements as statements
from django_convoy.brokers.database import DatabaseBroker, lease_of
from django_convoy.brokers.database_idling import Idling
from django_convoy.brokers.postgres_listener import (
    NOTIFY,
    NOTIFY_IF_WANTED,
    PostgresListener,
    payload,
)
from django_convoy.brokers.postgres_marks import Mark
from django_convoy.brokers.postgres_rows import Alike, alone, copy_line, together
from django_convoy.brokers.postgres_sweep import PostgresSweep
from django_convoy.brokers.search import Search
from django_convoy.contracts.broker import Recorder
from django_convoy.contracts.listener import Announcement, Announcing, Listener
from django_convoy.contracts.store import Record
from django_convoy.db.history import COLUMNS as HISTORY
from django_convoy.db.postgres import array, connect, copy, times
from django_convoy.db.session import Session, is_watched
from django_convoy.domain import ids
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease, Note
from django_convoy.domain.errors import BrokerUnavailable, LeaseLost
from django_convoy.domain.verdict import Done, Verdict

logger = logging.getLogger("django_convoy.brokers")
Claim = tuple[str, str]
"""A job's id and the token of one claim: a worker may hold both a lost and a valid one of a job."""
PIECE = 100
"""Rows of a COPY that are sent together."""
DIVISION_BY_ZERO = "22012"
SELDOM = 0.005
"""Seconds between two enqueues of a process that does not do it in a row."""


class PostgresBroker(DatabaseBroker, Recorder, Announcing):
    """The database broker, where the database is PostgreSQL and its driver psycopg 3.

    listen: whether workers are woken by NOTIFY; else they look each second. listen_dsn: how a
    listener connects past a pooler; without one nobody listens behind a pooler.
    """

    needs_psycopg = True

    tells_of_schedules = True

    def __init__(self, session: Session, *, listen: bool = True, listen_dsn: str = "") -> None:
        super().__init__(session)
        self._listens = listen
        self._listen_dsn = listen_dsn
        self._bells: str | None = None
        self._idling = Idling(lambda: self._bells)
        self._sweep: PostgresSweep = PostgresSweep(session, self._holder_lives)
        self._marks: dict[str, Mark[tuple[int, str]]] = {}
        self._queues: Mark[list[str]] = Mark()
        self._pushed_at = 0.0
        self._ask_anew = False
        self._from_memory = False
        replace_failure = self.dialect.replace_failure("convoy_history", HISTORY)
        self._finish = statements.finish(replace_failure)
        self._finish_one = statements.finish_one(replace_failure)
        self._finish_or_fail = statements.finish_or_fail(replace_failure)

    # Enqueueing

    def push(self, envelopes: Iterable[Envelope]) -> None:
        """Insert: one row by a statement that also asks who wants to know, many by COPY.

        Outside of a transaction they may still be made while the server takes those before.
        """
        if self.session.is_joined() or is_watched(self.session.connection):
            super().push(envelopes)
        elif not isinstance(envelopes, Sequence):
            self._tell(self._stream(envelopes))
        elif len(envelopes) != 1 or not self._listens:
            super().push(envelopes)
        else:
            self._push_one(envelopes[0])

    def _push_one(self, envelope: Envelope) -> None:
        """Insert a row, and announce it if anybody sleeps: in the same statement, which is
        quicker, or after its commit, so that many commits do not wait for each other."""
        told = Told([envelope])
        row = self._rows([envelope])[0]
        now = time.monotonic()
        seldom = now > self._pushed_at + SELDOM
        self._pushed_at = now
        if seldom:
            row.append(payload(Announcement(envelope.queue, told.counts[envelope.queue])))
            self.session.statement(statements.INSERT_AND_NOTIFY, row)
            return
        ((wanted,),) = self.session.statement(statements.INSERT_AND_ASK, row)
        if wanted:
            self._announce(told.counts, NOTIFY)

    def _stream(self, envelopes: Iterable[Envelope]) -> list[Envelope]:
        """Send rows as they are made; return what was sent."""
        source, sent = iter(envelopes), list[Envelope]()

        def pieces() -> Iterator[str]:
            if sent:  # another attempt
                yield "".join(map(copy_line, self._rows(sent)))
            while piece := list(islice(source, PIECE)):
                sent.extend(piece)
                yield "".join(map(copy_line, self._rows(piece)))

        self.session.step(lambda: copy(self.session.connection, statements.COPY, pieces()))
        return sent

    def _insert_many(self, rows: list[list[Any]]) -> None:
        session = self.session
        if is_watched(session.connection):
            super()._insert_many(rows)
        else:
            text = "".join(map(copy_line, rows))
            session.step(lambda: copy(session.connection, statements.COPY, [text]))

    # Waking

    def announce(self, announcement: Announcement) -> None:
        """Send NOTIFY after the commit."""
        counts = {announcement.queue: announcement.count}
        self.session.after_commit(lambda: self._announce(counts, NOTIFY))

    def _tell(self, envelopes: Sequence[Envelope]) -> None:
        if not self._listens:
            return
        latest = self.session.latest_hook()
        if isinstance(latest, Told):  # a transaction announces all that it brought together
            latest.add(envelopes)
            return
        told = Told(envelopes, self._announce)
        self.session.after_commit(told)

    def _wake(self, count: int) -> None:
        if not count:
            self._idling.wake_listener()
        if not count or not self._idling.wake(count):
            self._announce({"": count})

    def _announce(self, counts: Mapping[str, int], sql: str = NOTIFY_IF_WANTED) -> None:
        if not self._listens:
            return
        try:
            for queue, count in counts.items():
                self.session.statement(sql, [payload(Announcement(queue, count))])
        except BrokerUnavailable as error:  # the jobs are there, and will be found
            logger.debug("nobody could be told of new jobs: %s", error)

    def use_bells(self, folder: str) -> None:
        """Sleep where the listener of this tree wakes us."""
        self._bells = folder

    def listen(self) -> Listener | None:
        """Connect; None where nobody is to listen, or only a pooler could be reached."""
        if not self._listens or (self.session.dialect.pooled and not self._listen_dsn):
            return None
        return PostgresListener(connect(self.session.alias, self._listen_dsn), self._sweep.next_due)

    # Claiming

    def _look(self, search: Search) -> list[Lease]:
        """Claim from the queues that had work lately, then from those that have it now."""
        self._from_memory = False
        found = super()._look(search)
        if not found and self._from_memory:
            self._ask_anew = True
            found = super()._look(search)
        elif found and not self._queues.holds():
            self._ask_anew = True
        return found

    def _claim(self, queues: Sequence[str], search: Search) -> list[Lease]:
        # A listener wakes us for what falls due, too; what is ready need not wait for that look.
        woken = self._idling.attended
        if not woken:
            self._tidy(search)
        known = self._sweep.suspects
        found = self._take_now(queues, search)
        if woken and not found and (self._tidy(search) or self._sweep.suspects != known):
            found = self._take_now(queues, search)
        return found

    def _take_now(self, queues: Sequence[str], search: Search) -> list[Lease]:
        """Take one suspect, or what is ready."""
        token = ids.token()
        given = [token, search.worker, search.lease]
        suspected = [queue for queue in queues if queue in self._sweep.suspects]
        if suspected and search.may_suspect():
            for queue in suspected:
                rows = self.session.statement(statements.CLAIM_SUSPECT, [*given, queue, 1])
                if rows:
                    return [lease_of(rows[0], token)]
            search.no_suspect()
        return [lease_of(row, token) for row in self._take_from(queues, search.limit, given)]

    def _tidy(self, search: Search) -> bool:
        swept = self._sweep.tidy(search.lease)
        if swept:
            self._marks.clear()  # what became ready is older than what is claimed now
        return swept

    def _take_from(self, queues: Sequence[str], limit: int, given: list[Any]) -> list[Any]:
        rows: list[Any] = []
        for queue in queues:
            rows += self._take_ready(queue, limit - len(rows), given)
            if len(rows) >= limit:
                self._idling.wake(1)  # there may be more
                break
        return rows

    def _take_ready(self, queue: str, limit: int, given: list[Any]) -> list[Any]:
        mark = self._marks.setdefault(queue, Mark())
        rows: list[Any] = []
        if mark.key is not None and mark.holds():
            priority, job_id = mark.key
            beyond = [queue, priority, limit, queue, *[priority] * 3, job_id, limit]
            rows = self.session.statement(statements.CLAIM_BEYOND, [*beyond, *given])
        # Who was woken looks once more before it sleeps: that finds what came late.
        if not rows or (len(rows) < limit and not self._idling.attended and mark.may_walk()):
            began = time.monotonic()
            rows += self.session.statement(statements.CLAIM, [*given, queue, limit - len(rows)])
            mark.walked(time.monotonic() - began)
        rows.sort(key=_place)
        mark.key = _key(rows[-1]) if rows else None
        return rows

    def ready_queues(self) -> list[str]:
        """Return those known to have had work; asked anew now and then, and whenever a claim
        found nothing in them."""
        known = self._queues.key
        if known is not None and not self._ask_anew:
            self._from_memory = True
            return list(known)
        began = time.monotonic()
        rows = self.session.statement(statements.READY_QUEUES, self._sweep.beyond()[1])
        names = [queue for (queue,) in rows]
        self._ask_anew = False
        if names:
            self._queues.key = names
            self._queues.walked(time.monotonic() - began)
        return names

    # Settling

    def settle(self, settlements: Sequence[tuple[Lease, Verdict]]) -> list[bool]:
        """Delete in one statement, where all is over."""
        if not all(isinstance(verdict, Done) for _, verdict in settlements):
            return super().settle(settlements)
        leases = sorted((lease for lease, _ in settlements), key=_id)
        given = [array(lease.id for lease in leases), array(lease.token for lease in leases)]
        gone = {(row[0], row[1]) for row in self.session.statement(statements.DELETE, given)}
        return [_claim_of(lease) in gone for lease, _ in settlements]

    def settle_and_record(
        self, settlements: Sequence[tuple[Lease, Verdict, Record | None]]
    ) -> list[bool]:
        """Move what is over into the history, one statement for all that ended alike; put the
        rest back."""
        over: dict[Alike, list[Record]] = {}
        rest: list[tuple[Lease, Verdict]] = []
        for lease, verdict, record in settlements:
            if record is None:
                rest.append((lease, verdict))
            else:
                note = _note(record.note)
                alike = Alike(lease.token, record.status, record.worker, note, record.keep)
                over.setdefault(alike, []).append(record)
        steps = [partial(self._move, alike, records) for alike, records in over.items()]
        if rest:
            steps.append(partial(self._put, rest))
        if len(steps) == 1:
            held = steps[0]()
        else:
            held = self.session.together(lambda: set[Claim]().union(*[step() for step in steps]))
        return [_claim_of(lease) in held for lease, _, _ in settlements]

    def _put(self, settlements: list[tuple[Lease, Verdict]]) -> set[Claim]:
        held = self.settle(settlements)
        return {_claim_of(lease) for (lease, _), ok in zip(settlements, held, strict=True) if ok}

    def _move(self, alike: Alike, records: list[Record]) -> set[Claim]:
        if len(records) == 1:
            rows = self.session.statement(self._finish_one, alone(alike, records[0]))
            return {(job_id, alike.token) for (job_id,) in rows}
        given = together(alike, records)
        rows = self.session.statement(self._finish, given)
        return {(job_id, alike.token) for (job_id,) in rows}

    def settle_last(self, lease: Lease, record: Record) -> None:
        """Settle an `atomic` job, in one round trip with its COMMIT where that can be."""
        alike = Alike(lease.token, record.status, record.worker, _note(record.note), record.keep)
        try:
            self.session.last_statement(self._finish_or_fail, alone(alike, record))
        except DataError as error:
            if getattr(error.__cause__, "sqlstate", "") != DIVISION_BY_ZERO:
                raise
            raise LeaseLost(lease.id) from None

    def _put_back(
        self, cursor: Any, job_ids: list[str], delay: float, refund: bool, note: str
    ) -> None:
        super()._put_back(cursor, job_ids, delay, refund, note)
        if delay == 0:
            self._marks.clear()

    def mark_started(self, leases: Sequence[tuple[Lease, datetime]]) -> None:
        """Write when long jobs began; waits for no lock."""
        given = [
            array(lease.id for lease, _ in leases),
            array(lease.token for lease, _ in leases),
            times(at for _, at in leases),
        ]
        self.session.statement(statements.MARK_STARTED, given)


class Told:
    """What is to be announced of jobs, by queue; delayed ones count nothing."""

    def __init__(
        self,
        envelopes: Sequence[Envelope],
        announce: Callable[[Mapping[str, int]], None] = lambda counts: None,
    ) -> None:
        self.counts: dict[str, int] = {}
        self._announce = announce
        self.add(envelopes)

    def add(self, envelopes: Sequence[Envelope]) -> None:
        """Announce these, too."""
        for one in envelopes:
            self.counts[one.queue] = self.counts.get(one.queue, 0) + (one.due is None)

    def __call__(self) -> None:
        self._announce(self.counts)


def _note(note: Note) -> str:
    return "" if note is NO_NOTE else json.dumps(note.to_json())


def _claim_of(lease: Lease) -> Claim:
    return lease.id, lease.token


def _id(lease: Lease) -> str:
    return lease.id


def _place(row: Any) -> tuple[int, str]:
    return -row[6], row[0]


def _key(row: Any) -> tuple[int, str]:
    return row[6], row[0]
