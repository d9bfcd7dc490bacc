"""A broker that settles and records in one step keeps both fenced."""

from collections.abc import Iterator

import pytest

from django_convoy.contracts.store import FAILED, SUCCESSFUL, Record
from django_convoy.db.session import PrivateSession
from django_convoy.domain import clock
from django_convoy.domain.envelope import NO_NOTE, Lease, Note
from django_convoy.domain.verdict import DONE, Again
from django_convoy.stores.database import DatabaseStore
from tests.databases import POSTGRES

pytestmark = pytest.mark.parametrize("alias", [POSTGRES])


@pytest.fixture
def store(alias) -> Iterator[DatabaseStore]:
    made = DatabaseStore(PrivateSession(alias))
    yield made
    made.close()


def record(lease: Lease, result: str, status: str = SUCCESSFUL) -> Record:
    now = clock.now()
    return Record(lease.envelope, status, lease.attempt, NO_NOTE, result, now, now, None, "w")


def test_of_two_claims_of_a_job_in_a_batch_the_current_one_is_kept(alias, worker, store):
    broker = worker()
    broker.put()
    (stale,) = broker.take()
    broker.settle([(stale, Again(0, False, Note()))])
    (current,) = broker.take()
    answers = broker.settle_and_record(
        [(stale, DONE, record(stale, '"stale"')), (current, DONE, record(current, '"current"'))]
    )
    assert answers == [False, True]
    kept = store.get(current.id)
    assert (kept.result, kept.attempt) == ('"current"', 2)


def test_what_ended_in_different_ways_is_kept_as_it_ended(alias, worker, store):
    broker = worker()
    broker.put(4)
    one, two, three, four = broker.take(4)
    answers = broker.settle_and_record(
        [
            (one, DONE, record(one, "1")),
            (two, Again(0, False, Note(failures=1)), None),
            (three, DONE, record(three, None, FAILED)),
            (four, DONE, record(four, '{"a": "b\\\\c", "q": "\'"}')),
        ]
    )
    assert answers == [True] * 4
    assert [store.get(one.id).result, store.get(four.id).result] == [
        "1",
        '{"a": "b\\\\c", "q": "\'"}',
    ]
    assert (store.get(three.id).status, store.get(three.id).result) == (FAILED, None)
    assert [lease.id for lease in broker.take(9)] == [two.id]
