"""A delay that the broker cannot hold is spent in the outbox, and is as visible as any other."""

import time
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction

from django_convoy.domain import clock
from django_convoy.domain.errors import ConfigurationError, PayloadError
from django_convoy.framework import TaskResultStatus
from django_convoy.insight import control
from django_convoy.insight.queues import own_counts
from tests.api.tasks import add
from tests.databases import on_each_database
from tests.outbox.shelf import Shelf

pytestmark = on_each_database
QUARTER = {"name": "tests.outbox.shelf.Shelf", "max_delay": 900}
HOUR = timedelta(hours=1)


@pytest.fixture
def elsewhere(use, alias):
    """On a broker that can wait for a quarter of an hour."""
    return use(alias, broker=QUARTER)


def test_it_is_parked_and_shorter_delays_are_not(elsewhere):
    near, far = (add.using(run_after=one).enqueue(1) for one in (timedelta(minutes=14), HOUR))
    assert Shelf.log == [near.id]
    (row,) = elsewhere.rows()
    assert (row.id, row.state) == (far.id, "parked")


def test_it_reads_delayed_everywhere(elsewhere):
    result = add.using(run_after=HOUR).enqueue(1)
    found = elsewhere.find(result.id)
    assert (found.state, found.wake_at) == ("delayed", found.envelope.due)
    assert add.get_result(result.id).status is TaskResultStatus.READY
    assert own_counts(elsewhere.runtime)["default"].delayed == 1
    listed = elsewhere.runtime.shared.view.jobs(queue="default", state="delayed")
    assert [held.envelope.id for held in listed] == [result.id]
    assert list(elsewhere.runtime.shared.view.jobs(state="ready")) == []


def test_it_is_sent_when_the_broker_can_hold_what_is_left(elsewhere):
    result = add.using(run_after=HOUR).enqueue(1)
    assert 0 < elsewhere.sweep() <= 45  # nobody has to tell a steward of what is parked
    assert Shelf.log == []
    row = elsewhere.rows()[0]
    row.wake_at = clock.now()
    row.save(using=elsewhere.alias)
    elsewhere.sweep()
    assert Shelf.log == [result.id]
    assert Shelf.shared[result.id].envelope.due == row.due
    assert elsewhere.rows() == []


def test_it_is_sent_to_the_second(use, alias):
    elsewhere = use(alias, broker={"name": "tests.outbox.shelf.Shelf", "max_delay": 2})
    due = clock.now() + timedelta(seconds=3)
    add.using(run_after=due).enqueue(1)
    with elsewhere.relay() as relay:
        while not Shelf.log:
            time.sleep(relay.step())
    left = (due - clock.now()).total_seconds()
    assert 0 < left < 2  # early enough, and no longer than the broker can hold


def test_many_in_one_call(elsewhere):
    batch = add.using(run_after=HOUR).enqueue_many(range(1200))
    assert Shelf.log == []
    assert own_counts(elsewhere.runtime)["default"].delayed == len(batch)


def test_in_a_transaction_it_is_written_with_it(elsewhere):
    with pytest.raises(ZeroDivisionError), transaction.atomic(using=elsewhere.alias):
        add.using(run_after=HOUR).enqueue(1)
        raise ZeroDivisionError
    assert elsewhere.rows() == []
    with transaction.atomic(using=elsewhere.alias):
        add.using(run_after=HOUR).enqueue(1)
        add.enqueue(2)
    assert [row.state for row in elsewhere.rows()] == ["parked"]
    assert len(Shelf.log) == 1


def test_it_can_be_cancelled(elsewhere):
    result = add.using(run_after=HOUR).enqueue(1)
    control.cancel(elsewhere.runtime, result.id, "not wanted")
    assert elsewhere.rows() == []
    assert add.get_result(result.id).detail == "CANCELLED"


def test_it_can_be_run_now(elsewhere):
    result = add.using(run_after=HOUR).enqueue(1)
    control.retry(elsewhere.runtime, result.id)
    assert Shelf.log == [result.id]
    assert Shelf.shared[result.id].state == "ready"
    assert elsewhere.rows() == []


def test_its_queue_can_be_purged(elsewhere):
    add.using(run_after=HOUR).enqueue(1)
    add.using(run_after=HOUR, queue_name="mail").enqueue(1)
    assert control.purge(elsewhere.runtime, "default") == 1
    assert control.delete(elsewhere.runtime, "mail") == 1
    assert elsewhere.rows() == []


def test_a_broker_that_cannot_be_looked_into_shows_what_is_parked(use, alias):
    elsewhere = use(alias, broker="tests.outbox.shelf.BlindShelf")
    result = add.using(run_after=HOUR).enqueue(1)
    assert add.get_result(result.id).status is TaskResultStatus.READY
    assert own_counts(elsewhere.runtime)["default"].delayed == 1
    control.cancel(elsewhere.runtime, result.id, "not wanted")
    assert elsewhere.rows() == []


def test_without_a_table_it_is_refused_in_a_sentence(elsewhere, monkeypatch):
    monkeypatch.setattr("django_convoy.outbox.table.Table.exists", lambda self: False)
    with pytest.raises(ConfigurationError, match=r"Shelf holds no delay beyond 0:15:00.*migrate"):
        add.using(run_after=HOUR).enqueue(1)
    with pytest.raises(ConfigurationError), transaction.atomic(using=elsewhere.alias):
        add.using(run_after=HOUR).enqueue(1)


def test_a_broker_that_holds_any_delay_has_it_at_once(use, alias):
    use(alias)
    with time_machine.travel(clock.now(), tick=False):
        result = add.using(run_after=timedelta(days=900)).enqueue(1)
    assert Shelf.log == [result.id]


def test_a_job_too_large_is_refused_before_the_commit(use, alias):
    use(alias, broker={"name": "tests.outbox.shelf.Shelf", "max_body": 5_000}, compress_above=None)
    add.enqueue("x" * 4_000)
    with pytest.raises(PayloadError, match="Shelf takes 5,000 at most: store what is large"):
        add.enqueue("x" * 6_000)
