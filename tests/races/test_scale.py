"""With millions of rows, a statement touches what it is about and the way there, nothing else."""

import json
import math
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from django_convoy.brokers import postgres_statements as statements
from django_convoy.brokers.database_sweep import LONG_AGO
from django_convoy.brokers.postgres import PostgresBroker
from django_convoy.brokers.postgres_marks import Mark
from django_convoy.contracts.store import SUCCESSFUL, Record, Retention
from django_convoy.db.session import PrivateSession, Session
from django_convoy.domain import clock
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease
from django_convoy.domain.ids import job_ids
from django_convoy.domain.verdict import DONE, Again, Bury
from django_convoy.stores.database import DatabaseStore
from tests.races import scale

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

Verb = Callable[["Desk"], object]
ALIAS = "scale"
BATCH = 100
SWEPT = 200
PRUNED = 500
OLD = timedelta(days=28)
AGAIN, LATER = Again(0, False, NO_NOTE), Again(9, True, NO_NOTE)


@pytest.fixture(scope="module")
def full_database(django_db_blocker) -> Iterator[None]:
    with django_db_blocker.unblock(), scale.database(ALIAS):
        yield


class Desk:
    """What a verb of this file works with."""

    def __init__(self, session: Session) -> None:
        self.broker = PostgresBroker(session)
        self.store = DatabaseStore(session)

    def held(self, count: int = BATCH) -> list[Lease]:
        """Of those that were claimed long ago, not all from one page."""
        numbers = range(1000, 1000 + 50 * count, 50)
        return [Lease(envelope(f"4{n:031x}"), "token", 1, NO_NOTE) for n in numbers]

    def sweep(self) -> None:
        self.broker.session.write(lambda cursor: self.broker._sweep.run(cursor, lease=60))

    def claim(self, queue: str, limit: int = BATCH) -> None:
        self.broker._sweep._next = math.inf  # swept a moment ago
        found = self.broker.claim([queue], limit=limit, lease=60, worker="w")
        assert len(found) == limit

    def claim_suspect(self) -> None:
        self.broker._sweep.suspects = {"doubtful"}
        self.claim("doubtful", limit=1)

    def claim_beyond(self, queue: str) -> None:
        first = {"many": 1, "few": 2}[queue]
        mark = self.broker._marks[queue] = Mark((5, f"{first}{0:031x}"))
        mark.walked(60)  # so slow that the mark holds for long
        self.claim(queue)


def envelope(job_id: str) -> Envelope:
    return Envelope(job_id, "many", "a.b", "{}", "1j-:x", "k", 0, clock.now())


def record(lease: Lease) -> Record:
    now = clock.now()
    return Record(lease.envelope, SUCCESSFUL, 1, NO_NOTE, "null", now, now, worker="w")


def push_one(desk: Desk) -> None:
    desk.broker.session.is_joined = lambda: False  # as outside of a transaction
    desk.broker.push([envelope(job_ids(1)[0])])
    del desk.broker.session.is_joined


def push_in_transaction(desk: Desk) -> None:
    desk.broker.push([envelope(job_ids(1)[0])])


def settle(*verdicts):
    def verb(desk: Desk) -> None:
        leases = desk.held()
        given = [(one, verdicts[n % len(verdicts)]) for n, one in enumerate(leases)]
        assert all(desk.broker.settle(given))

    return verb


def settle_and_record(desk: Desk) -> None:
    given = [(lease, DONE, record(lease)) for lease in desk.held()]
    assert all(desk.broker.settle_and_record(given))


def finish_atomic(desk: Desk) -> None:
    (lease,) = desk.held(1)
    assert desk.broker.settle([(lease, DONE)]) == [True]
    desk.store.finished([record(lease)])


def prune(**rules):
    def verb(desk: Desk) -> None:
        assert desk.store.prune(Retention(**rules), limit=PRUNED) == PRUNED

    return verb


def mark_started(desk: Desk) -> None:
    desk.broker.mark_started([(lease, clock.now()) for lease in desk.held()])


def look(desk: Desk) -> None:
    desk.broker.session.statement(statements.LOOK, [LONG_AGO])


# A verb, how many jobs it is about, and how many pages its statements may touch for each of them.
# Measured on PostgreSQL 15, with half as much again for a page that splits or is visited twice.
#
# A row of this size is found by a walk down four pages of an index, and read on a fifth. One that
# is written goes into the table, and by such a walk into each index that has its state.
FIND = 8  # measured: 5
LOOK = 12  # measured: 6; two indexes, and the row they lead to
INSERT = 20  # measured: 13
DELETE = 11  # measured: 7
UPDATE = 36  # measured: 22 to 25; found twice, a new version in all indexes but one
MARK = 20  # measured: 13; found twice, a new version beside the old one, in no index
RECORD = 30  # measured: 20; a delete, and an insert into three indexes
HOPS = 48  # measured: 28; from queue to queue, a walk each
SKIP = 12  # measured: 9; what is kept is walked in its index, 10,000 to some 250 pages

VERBS = {
    "push": (push_one, 1, INSERT),
    "push in a transaction": (push_in_transaction, 1, INSERT),
    "look": (look, 1, LOOK),
    "sweep": (Desk.sweep, SWEPT, UPDATE),
    "next due": (lambda desk: desk.broker.next_due(), 1, LOOK),
    "ready queues": (lambda desk: desk.broker.ready_queues(), 1, HOPS),
    "claim": (lambda desk: desk.claim("many"), BATCH, UPDATE),
    "claim beyond a mark": (lambda desk: desk.claim_beyond("many"), BATCH, UPDATE),
    "claim a suspect": (Desk.claim_suspect, 1, UPDATE),
    "renew": (lambda desk: desk.broker.renew(desk.held(), lease=60), BATCH, UPDATE),
    "mark started": (mark_started, BATCH, MARK),
    "settle, over": (settle(DONE), BATCH, DELETE),
    "settle, not over": (settle(AGAIN, LATER, Bury(NO_NOTE)), BATCH, UPDATE),
    "settle and record": (settle_and_record, BATCH, RECORD),
    "finish an atomic job": (finish_atomic, 1, RECORD + INSERT),
    "find": (lambda desk: desk.broker.find(desk.held(1)[0].id), 1, FIND),
    "get": (lambda desk: desk.store.get(f"0{77:031x}"), 1, FIND),
    "prune what is a little too old": (prune(successes=OLD), PRUNED, DELETE),
    "prune a backlog": (prune(successes=timedelta(days=7)), PRUNED, DELETE),
    "prune failures": (prune(successes=None, failures=OLD), PRUNED, DELETE),
    "prune by count": (prune(successes=None, newest_successes=10_000), PRUNED, SKIP),
}
# Rows that a step may come by where they are more than the jobs that the verb is about.
WALKED = {"prune by count": 21 * PRUNED, "ready queues": 200}  # what is kept; what is due, at most
# How sessions plan: a worker's once and for all; the site's, after a few times, too; and what is
# behind a pooler, where nothing can be prepared, each time.
WAYS = {
    "worker": (PrivateSession, "prepared"),
    "site": (Session, "prepared"),
    "pooled": (Session, "once"),
}


def plans_of(way: str, verb: Verb) -> list[tuple[scale.Statement, scale.Plan]]:
    """What a verb executes, and how."""
    kind, mode = WAYS[way]
    session = kind(ALIAS)
    try:
        seen = scale.recorded(session, lambda: verb(Desk(session)))
        assert seen
        return [(one, scale.explained(session, one, mode)) for one in seen]
    finally:
        session.close()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", VERBS)
def test_a_statement_touches_what_it_is_about(full_database, way: str, name: str) -> None:
    verb, jobs, bound = VERBS[name]
    pages = 0
    for statement, plan in plans_of(way, verb):
        what = f"{statement.text[:600]}\n{json.dumps(plan, indent=1)}"
        for step in scale.steps(plan):
            kind = step["Node Type"]
            assert kind != "Seq Scan", what
            if kind.endswith(("Scan", "Sort", "Hash")):
                assert scale.rows(step) <= max(jobs, WALKED.get(name, 0)) + 2, what
        pages += scale.touched(plan)
    assert pages <= jobs * bound, f"{pages / jobs:.1f} pages for each of {jobs}, over {bound}"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("verb", [Desk.claim, Desk.claim_beyond])
def test_a_claim_costs_the_same_however_many_wait(full_database, way: str, verb) -> None:
    def pages(queue: str) -> int:
        return sum(scale.touched(plan) for _, plan in plans_of(way, lambda desk: verb(desk, queue)))

    assert pages("many") <= pages("few") * 1.2
