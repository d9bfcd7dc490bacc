"""Brokers with a connection each, and jobs for them."""

from collections.abc import Callable, Iterator

import pytest

from django_convoy.brokers.database import DatabaseBroker
from django_convoy.brokers.postgres import PostgresBroker
from django_convoy.db.session import PrivateSession
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope, Lease

IMPATIENT = {
    "postgresql": "SET lock_timeout = '5s'",
    "mysql": "SET innodb_lock_wait_timeout = 5",
}
"""What must not wait for a lock fails then, instead of hanging."""


class Worker(DatabaseBroker):
    """A broker as a worker has it, with short ways to say things."""

    def take(self, limit: int = 1, lease: float = 60, wait: float = 0) -> list[Lease]:
        return self.claim(["q"], limit=limit, lease=lease, worker="w", wait=wait)

    def put(self, count: int = 1) -> list[str]:
        envelopes = [envelope(job_id) for job_id in ids.job_ids(count)]
        self.push(envelopes)
        return [one.id for one in envelopes]


class PostgresWorker(PostgresBroker, Worker):
    """The same, with PostgreSQL's own statements."""


def made_for(alias: str) -> Worker:
    """The broker that a worker on this database has."""
    session = PrivateSession(alias)
    setting = IMPATIENT.get(session.dialect.vendor)
    if setting and not session.dialect.pooled:
        session.read(lambda cursor: cursor.execute(setting))
    return PostgresWorker(session) if session.dialect.vendor == "postgresql" else Worker(session)


def envelope(job_id: str, queue: str = "q", **fields) -> Envelope:
    return Envelope(job_id, queue, "a.b", "{}", "1j-:x", "k", 0, clock.now(), **fields)


@pytest.fixture
def worker(alias: str) -> Iterator[Callable[[], Worker]]:
    """Makes workers' brokers; closes them."""
    made: list[Worker] = []

    def make() -> Worker:
        made.append(made_for(alias))
        return made[-1]

    yield make
    for one in made:
        one.close()
