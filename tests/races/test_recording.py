"""A broker that settles and records in one step keeps both fenced."""

from collections.abc import Iterator

import pytest
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from django_convoy.brokers.postgres import PostgresBroker
from django_convoy.contracts.store import FAILED, SUCCESSFUL, Record
from django_convoy.db.session import PrivateSession, Session
from django_convoy.domain import clock
from django_convoy.domain.envelope import NO_NOTE, Lease, Note
from django_convoy.domain.errors import LeaseLost
from django_convoy.domain.verdict import DONE, Again
from django_convoy.stores.database import DatabaseStore
from tests.app.models import Note as Row
from tests.databases import POSTGRES

TransactionStatus = pytest.importorskip("psycopg").pq.TransactionStatus
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


@pytest.fixture
def shared(alias) -> Iterator[PostgresBroker]:
    """A broker on the connection that tasks use."""
    yield PostgresBroker(Session(alias))
    connections[alias].close()


def is_open(alias: str) -> bool:
    """Whether the server has a transaction open, whatever Django thinks."""
    return connections[alias].connection.info.transaction_status == TransactionStatus.INTRANS


AWKWARD = '{"text": "it\'s a \\\\ $1 %s; COMMIT; \u00e9"}'


def test_from_the_second_on_an_atomic_job_is_settled_and_committed_in_one_step(
    alias, worker, store, shared
):
    broker = worker()
    broker.put(3)
    hooks = []
    for number, lease in enumerate(broker.take(3)):
        with transaction.atomic(using=alias):
            Row.objects.using(alias).create(text="kept", number=number)
            transaction.on_commit(lambda: hooks.append("ran"), using=alias)
            shared.settle_last(lease, record(lease, AWKWARD))
            assert is_open(alias) == (number == 0)
            assert (store.get(lease.id) is None) == (number == 0)
            assert len(hooks) == number
        assert store.get(lease.id).result == AWKWARD
    assert hooks == ["ran"] * 3
    assert Row.objects.using(alias).filter(text="kept").count() == 3


@pytest.mark.parametrize("before", [0, 1, 2])
def test_where_the_lease_is_lost_nothing_is_committed(alias, worker, store, shared, before):
    broker = worker()
    for _ in range(before):
        broker.put()
        (lease,) = broker.take()
        with transaction.atomic(using=alias):
            shared.settle_last(lease, record(lease, "1"))
    broker.put()
    (stale,) = broker.take()
    broker.settle([(stale, Again(0, False, Note()))])
    (current,) = broker.take()
    with pytest.raises(LeaseLost), transaction.atomic(using=alias):
        Row.objects.using(alias).create(text="never")
        shared.settle_last(stale, record(stale, "1"))
    assert not Row.objects.using(alias).exists()
    assert store.get(stale.id) is None
    with transaction.atomic(using=alias):  # the driver has forgotten what was prepared
        Row.objects.using(alias).create(text="kept")
        shared.settle_last(current, record(current, "2"))
    assert store.get(current.id).result == "2"
    assert Row.objects.using(alias).filter(text="kept").exists()


@pytest.mark.parametrize("why", ["watched", "inner", "backslashes"])
def test_where_a_commit_would_be_missed_it_is_left_to_django(alias, worker, store, shared, why):
    broker = worker()
    broker.put(2)
    first, lease = broker.take(2)
    with transaction.atomic(using=alias):
        shared.settle_last(first, record(first, "1"))
    connection = connections[alias]
    with transaction.atomic(using=alias):
        Row.objects.using(alias).create(text="undone")
        if why == "watched":
            with CaptureQueriesContext(connection):
                shared.settle_last(lease, record(lease, AWKWARD))
        elif why == "inner":
            with transaction.atomic(using=alias):
                shared.settle_last(lease, record(lease, AWKWARD))
        else:
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL standard_conforming_strings = off")
            shared.settle_last(lease, record(lease, AWKWARD))
        assert is_open(alias)
        transaction.set_rollback(True, using=alias)
    assert not Row.objects.using(alias).exists()
    assert store.get(lease.id) is None
