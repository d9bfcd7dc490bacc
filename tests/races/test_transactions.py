"""What is enqueued in a transaction comes and goes with it."""

import pytest
from django.db import transaction

from django_convoy.brokers.database import DatabaseBroker
from django_convoy.db.session import Session
from django_convoy.domain.ids import job_ids
from tests.databases import on_each_database
from tests.races.conftest import envelope


@pytest.fixture
def shared(alias) -> DatabaseBroker:
    """The broker of the site's own connection, as `enqueue()` uses it."""
    return DatabaseBroker(Session(alias))


@on_each_database
@pytest.mark.parametrize("count", [1, 3])
def test_a_job_is_seen_when_its_transaction_commits(alias, shared, worker, count):
    with transaction.atomic(using=alias):
        shared.push([envelope(one) for one in job_ids(count)])
        assert shared.counts("q").ready == count
        assert worker().take(9) == []
    assert len(worker().take(9)) == count


@on_each_database
@pytest.mark.parametrize("count", [1, 3])
def test_a_job_goes_with_its_transaction(alias, shared, worker, count):
    with pytest.raises(ZeroDivisionError), transaction.atomic(using=alias):
        shared.push([envelope(one) for one in job_ids(count)])
        raise ZeroDivisionError
    assert worker().take(9) == []


@on_each_database
def test_a_job_goes_with_its_savepoint(alias, shared, worker):
    kept, lost = job_ids(2)
    with transaction.atomic(using=alias):
        shared.push([envelope(kept)])
        with pytest.raises(ZeroDivisionError), transaction.atomic(using=alias):
            shared.push([envelope(lost)])
            raise ZeroDivisionError
    assert [lease.id for lease in worker().take(9)] == [kept]


@on_each_database
def test_a_batch_is_pushed_whole_or_not_at_all(alias, shared, worker):
    first, second = job_ids(2)
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        shared.push([envelope(first), envelope(second), envelope(first)])
    assert worker().take(9) == []


@on_each_database
def test_a_worker_that_waits_is_woken_by_the_commit(alias, shared, worker):
    (job,) = job_ids(1)
    with transaction.atomic(using=alias):
        shared.push([envelope(job)])
        assert worker().take(wait=0.05) == []
    assert [lease.id for lease in worker().take(wait=600)] == [job]
