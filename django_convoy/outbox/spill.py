"""Payloads that are too large for their broker: they stay in a table, and a marker travels.

The seal is that of the whole job, so that what was changed in the table is refused like any job
that was forged. The marker stays in the lease: boards, retries and what is sent again are small.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django_convoy.contracts.broker import Adopter, Broker, Browsable, Held
from django_convoy.db.session import Session
from django_convoy.domain import clock
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import PayloadError
from django_convoy.domain.promises import is_too_large
from django_convoy.outbox.presence import Presence

Push = Callable[[Iterable[Envelope]], None]
NAME = "convoy_spilled"
MARK = "~spilled"
"""No JSON and no base64, so that nothing that Convoy wrote is taken for it."""
KEPT = timedelta(days=14)
SPARE = timedelta(days=1)
"""How much longer than its message a payload is kept."""
BATCH = 100
_PUT = ["payload", "expires_at"]


def is_spilled(envelope: Envelope) -> bool:
    """Return whether the payload is somewhere else."""
    return envelope.payload == MARK


class Spill:
    """The payloads of one backend.

    backend: its alias, with the namespace in front. broker: whose jobs they are. writes: whether
    there may be new ones; what is there is always read.
    """

    def __init__(self, session: Session, backend: str, broker: Broker, *, writes: bool) -> None:
        self.session = session
        self.writes = writes
        self.exists = Presence(session, NAME)
        self._backend = backend
        self._broker = broker
        self._kept = (broker.capabilities.keeps or KEPT) + SPARE

    # Sending

    def lean(self, jobs: Iterable[Envelope], *, at_once: bool = False) -> Iterable[Envelope]:
        """Return jobs as they travel. What is too large has been written when it comes.

        at_once: in no transaction, or in one that is still open: then nobody else could read it.
        Raises PayloadError, BrokerUnavailable.
        """
        return self._lean(jobs, at_once) if self.writes else jobs

    def _lean(self, jobs: Iterable[Envelope], at_once: bool) -> Iterator[Envelope]:
        can = self._broker.capabilities
        for one in jobs:
            if not is_too_large(can, one) or is_spilled(one):
                yield one
                continue
            if at_once and not self.session.connection.get_autocommit():
                raise PayloadError(
                    f"{one.task}: the job is larger than its broker takes, and its arguments would "
                    f"go to the table {NAME}, where no worker sees them before this transaction is "
                    'committed. Set OPTIONS["enqueue"] to "outbox" or "on_commit", or enqueue it '
                    "after the commit"
                )
            # One by one: each may be larger than what a server takes in one statement of many.
            self._put(one)
            yield replace(one, payload=MARK)

    def _put(self, envelope: Envelope) -> None:
        until, params = self._until(self._left(envelope))
        clause = self.session.dialect.overwrite(["id", "backend"], _PUT)
        self.session.statement(
            f"INSERT INTO {NAME} (id, backend, payload, expires_at) "
            f"VALUES (%s, %s, %s, {until}){clause}",
            [envelope.id, self._backend, envelope.payload, *params],
        )

    def _left(self, envelope: Envelope) -> float:
        if envelope.due is None:
            return 0.0
        return max(0.0, (envelope.due - clock.now()).total_seconds())

    def _until(self, delay: float) -> tuple[str, list[Any]]:
        return self.session.dialect.now(delay + self._kept.total_seconds())

    # Running

    def whole(self, envelope: Envelope) -> Envelope:
        """Return a job with its payload. Raises PayloadError, BrokerUnavailable."""
        if envelope.payload != MARK:
            return envelope
        rows = self.session.statement(
            f"SELECT payload FROM {NAME} WHERE id = %s AND backend = %s",
            [envelope.id, self._backend],
        )
        if not rows:
            raise PayloadError(
                f"its arguments are not in the table {NAME} of database {self.session.alias!r}: "
                "the job is over, its row was removed, or this worker has another database there"
            )
        return replace(envelope, payload=str(rows[0][0]))

    def delete(self, job_ids: Sequence[str]) -> None:
        """Forget the payloads of jobs that are over."""
        self._each(f"DELETE FROM {NAME} WHERE id = %s AND backend = %s", [], job_ids)

    def keep(self, job_ids: Sequence[str], delay: float) -> None:
        """Keep those of jobs that wait once more, from now on or after a delay."""
        until, params = self._until(delay)
        sets = f"UPDATE {NAME} SET expires_at = {until}"
        self._each(f"{sets} WHERE id = %s AND backend = %s", params, job_ids)

    def _each(self, sql: str, params: Sequence[Any], job_ids: Sequence[str]) -> None:
        if len(job_ids) == 1:
            self.session.statement(sql, [*params, job_ids[0], self._backend])
        elif job_ids:
            self.session.write(lambda cursor: self._execute(cursor, sql, params, job_ids))

    def _execute(
        self, cursor: Any, sql: str, params: Sequence[Any], job_ids: Sequence[str]
    ) -> None:
        for job_id in job_ids:
            cursor.execute(sql, [*params, job_id, self._backend])

    # Pruning

    def prune(self) -> int:
        """Forget a batch of what nobody will ask for; return of how many it was decided.

        A broker that keeps jobs for ever is asked; of one that cannot be, all are kept.
        """
        broker, forever = self._broker, self._broker.capabilities.keeps is None
        if (forever and not isinstance(broker, Browsable)) or not self.exists():
            return 0
        expired = self._expired()
        there = []
        if isinstance(broker, Browsable):
            there = [one for one in expired if broker.find(one) is not None]
        self.keep(there, 0.0)
        now, params = self.session.dialect.now()
        gone = sorted({*expired} - {*there})
        # It may have been sent again since it was read.
        self._each(
            f"DELETE FROM {NAME} WHERE expires_at <= {now} AND id = %s AND backend = %s",
            params,
            gone,
        )
        return len(expired)

    def _expired(self) -> list[str]:
        now, params = self.session.dialect.now()
        rows = self.session.statement(
            f"SELECT id FROM {NAME}{self.session.dialect.using('convoy_spilled_expires')} "
            f"WHERE backend = %s AND expires_at <= {now} ORDER BY expires_at LIMIT {BATCH}",
            [self._backend, *params],
        )
        return [row[0] for row in rows]

    def count(self) -> int:
        """Return how many there are."""
        if not self.exists():
            return 0
        rows = self.session.statement(
            f"SELECT COUNT(*) FROM {NAME} WHERE backend = %s", [self._backend]
        )
        return int(rows[0][0])


def send(
    push: Push,
    spill: Spill | None,
    jobs: Iterable[Envelope],
    *,
    at_once: bool = False,
) -> None:
    """Push jobs, without the payloads that are too large. See `Spill.lean`."""
    push(jobs if spill is None else spill.lean(jobs, at_once=at_once))


def hand_over(broker: Adopter, spill: Spill | None, jobs: Sequence[Held]) -> None:
    """Have jobs adopted, without the payloads that are too large."""
    if spill is not None:
        lean = spill.lean([one.envelope for one in jobs])
        jobs = [replace(job, envelope=one) for job, one in zip(jobs, lean, strict=True)]
    broker.adopt(jobs)
