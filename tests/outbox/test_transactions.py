"""A transaction's jobs go to a broker elsewhere if, and only if, it is committed."""

import logging
import threading

import pytest
from django.db import connections, transaction

from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.framework import TaskResultDoesNotExist, TaskResultStatus
from django_convoy.outbox import delivery
from django_convoy.outbox.delivery import Delivery
from django_convoy.outbox.table import Table
from tests.api.tasks import add, rich
from tests.databases import on_each_database
from tests.outbox.shelf import Shelf
from tests.working import work

pytestmark = on_each_database


def dead(monkeypatch):
    """Whoever commits dies before it sends."""
    monkeypatch.setattr(Delivery, "__call__", lambda self: None)


def test_a_job_is_sent_when_its_transaction_is_committed(elsewhere):
    with transaction.atomic(using=elsewhere.alias):
        result = add.enqueue(1)
        assert Shelf.log == []
        assert [row.id for row in elsewhere.rows()] == [result.id]
    assert Shelf.log == [result.id]
    assert elsewhere.rows() == []
    assert work() == [result.id]
    result.refresh()
    assert result.return_value == 1


def test_outside_of_transactions_it_is_sent_at_once(elsewhere):
    result = add.enqueue(1)
    assert Shelf.log == [result.id]


def test_a_rollback_sends_nothing(elsewhere):
    with pytest.raises(ZeroDivisionError), transaction.atomic(using=elsewhere.alias):
        add.enqueue(1)
        add.enqueue_many([2, 3])
        raise ZeroDivisionError
    assert Shelf.log == []
    assert elsewhere.rows() == []


def test_a_savepoint_rolled_back_takes_its_jobs_with_it(elsewhere):
    kept = []
    with transaction.atomic(using=elsewhere.alias):
        kept.append(add.enqueue(1).id)
        with pytest.raises(ZeroDivisionError), transaction.atomic(using=elsewhere.alias):
            add.enqueue(2)
            raise ZeroDivisionError
        with transaction.atomic(using=elsewhere.alias):
            kept.append(add.enqueue(3).id)
        kept.append(add.enqueue(4).id)
    assert sorted(Shelf.log) == kept
    assert elsewhere.rows() == []


def test_jobs_of_one_transaction_are_sent_together(elsewhere):
    pushes = []
    push = Shelf.push
    Shelf.push = lambda self, envelopes: (pushes.append(1), push(self, envelopes))[1]
    try:
        with transaction.atomic(using=elsewhere.alias):
            for number in range(5):
                add.enqueue(number)
            rich.enqueue("x")
    finally:
        Shelf.push = push
    assert (len(pushes), len(Shelf.log)) == (1, 6)


def test_many_jobs_are_not_kept_in_memory(elsewhere, monkeypatch):
    kept = []
    call = Delivery.__call__
    monkeypatch.setattr(Delivery, "__call__", lambda self: (kept.append(self._jobs), call(self))[1])
    with transaction.atomic(using=elsewhere.alias):
        batch = add.enqueue_many(range(2500))
    assert kept == [None]
    assert Shelf.log == list(batch)
    assert elsewhere.rows() == []


def test_a_crash_after_the_commit_loses_nothing(elsewhere, monkeypatch):
    with monkeypatch.context() as patch:
        dead(patch)
        with transaction.atomic(using=elsewhere.alias):
            batch = add.enqueue_many(range(1200))
    assert 0 < elsewhere.sweep() <= 15  # it may still be under way
    assert Shelf.log == []
    elsewhere.leave_for_good()
    elsewhere.sweep()
    assert sorted(Shelf.log) == list(batch)
    assert elsewhere.rows() == []


def test_what_was_sent_before_a_crash_is_not_sent_again(elsewhere, monkeypatch):
    monkeypatch.setattr("django_convoy.outbox.table.Table.delete", lambda self, ids: None)
    with transaction.atomic(using=elsewhere.alias):
        waits, ran = add.enqueue(1), add.using(queue_name="mail").enqueue(2)
    monkeypatch.undo()
    assert work(queues=["mail"]) == [ran.id]
    assert len(elsewhere.rows()) == 2
    elsewhere.leave_for_good()
    elsewhere.sweep()
    assert Shelf.log == [waits.id, ran.id]
    assert elsewhere.rows() == []


def test_any_number_of_stewards_may_sweep_at_once(elsewhere, monkeypatch):
    with monkeypatch.context() as patch:
        dead(patch)
        with transaction.atomic(using=elsewhere.alias):
            batch = add.enqueue_many(range(1500))
    elsewhere.leave_for_good()
    errors = []

    def sweep():
        try:
            elsewhere.sweep()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elsewhere.sweep()
    assert errors == []
    assert sorted(Shelf.log) == list(batch)
    assert elsewhere.rows() == []


def test_a_broker_out_of_reach_at_the_commit_gets_its_jobs_later(elsewhere, caplog):
    Shelf.down = True
    with caplog.at_level(logging.WARNING), transaction.atomic(using=elsewhere.alias):
        result = add.enqueue(1)
    assert "jobs wait in the outbox, 1 at most: nobody there" in caplog.text
    elsewhere.leave_for_good()
    with pytest.raises(BrokerUnavailable):
        elsewhere.sweep()
    Shelf.down = False
    elsewhere.sweep()  # at once: nobody holds the row any more
    assert Shelf.log == [result.id]


def test_after_a_long_transaction_a_steward_and_its_caller_share_the_work(elsewhere, monkeypatch):
    began = delivery.time.monotonic
    monkeypatch.setattr(delivery.time, "monotonic", lambda: began() + 3600)
    taken = []

    def call(self):
        elsewhere.leave_for_good()
        with elsewhere.relay() as relay:
            taken.extend(job.envelope.id for job in relay._table.take(1)[1])
        self._began -= 3600
        deliver(self)

    deliver = Delivery.__call__
    monkeypatch.setattr(Delivery, "__call__", call)
    with transaction.atomic(using=elsewhere.alias):
        batch = add.enqueue_many(range(3))
    assert len(taken) == 1
    assert sorted([*Shelf.log, *taken]) == list(batch)
    assert [row.id for row in elsewhere.rows()] == taken


def test_a_refused_job_holds_up_no_other(elsewhere, monkeypatch, caplog):
    with monkeypatch.context() as patch:
        dead(patch)
        with transaction.atomic(using=elsewhere.alias):
            bad, *good = add.enqueue_many(range(5))
    Shelf.refuses = bad
    elsewhere.leave_for_good()
    elsewhere.sweep()
    assert sorted(Shelf.log) == good
    assert "its broker refused it: not this one" in elsewhere.find(bad).note.waiting
    assert "not this one" in caplog.text
    Shelf.refuses = ""
    elsewhere.sweep()
    assert bad not in Shelf.log  # not again and again
    elsewhere.runtime.shared.view.revive(bad)
    assert bad in Shelf.log


@pytest.mark.parametrize("over", [False, True], ids=["waits", "is over"])
def test_what_arrived_is_not_sent_again_at_once(elsewhere, monkeypatch, over):
    """Whoever sent it died before it could say so."""
    with monkeypatch.context() as patch:
        patch.setattr(Table, "delete", lambda *args: None)
        with transaction.atomic(using=elsewhere.alias):
            result = add.enqueue(1)
    assert Shelf.log == [result.id]
    elsewhere.leave_for_good()
    if over:
        work()
    assert elsewhere.runtime.shared.view.revive(result.id)
    assert Shelf.log == [result.id]
    assert not elsewhere.rows()


def test_a_job_in_the_outbox_can_be_seen_and_not_cancelled_while_it_is_sent(elsewhere):
    with transaction.atomic(using=elsewhere.alias):
        result = add.enqueue(1)
        found = elsewhere.find(result.id)
        assert (found.state, found.wake_at) == ("delayed", None)
        seen = add.get_result(result.id)
        assert seen.status is TaskResultStatus.READY
        assert "in the outbox" in seen.waiting
        assert elsewhere.runtime.shared.view.remove(result.id) is None
        transaction.set_rollback(True, using=elsewhere.alias)
    with pytest.raises(TaskResultDoesNotExist):
        result.refresh()


def test_backends_and_namespaces_do_not_send_each_others_jobs(use, alias, monkeypatch):
    with monkeypatch.context() as patch:
        dead(patch)
        red = use(alias, namespace="red")
        with transaction.atomic(using=alias):
            result = add.enqueue(1)
    red.leave_for_good()
    blue = use(alias, namespace="blue")
    blue.sweep()
    assert Shelf.log == []
    assert blue.find(result.id) is None
    use(alias, namespace="red").sweep()
    assert Shelf.log == [result.id]


def test_sending_after_the_commit_without_a_row(use, alias):
    elsewhere = use(alias, enqueue="on_commit")
    with transaction.atomic(using=alias):
        result = add.enqueue(1)
        assert (Shelf.log, elsewhere.rows()) == ([], [])
    assert Shelf.log == [result.id]
    Shelf.down = True
    with pytest.raises(BrokerUnavailable), transaction.atomic(using=alias):
        add.enqueue(2)  # whoever commits hears of it


def test_sending_before_the_commit(use, alias):
    use(alias, enqueue="now")
    with pytest.raises(ZeroDivisionError), transaction.atomic(using=alias):
        result = add.enqueue(1)
        raise ZeroDivisionError
    assert Shelf.log == [result.id]


def test_a_broker_out_of_reach_is_an_error_unless_jobs_may_wait_for_it(use, alias, caplog):
    use(alias)
    Shelf.down = True
    with pytest.raises(BrokerUnavailable):
        add.enqueue(1)
    elsewhere = use(alias, outbox={"fallback": True})
    with caplog.at_level(logging.WARNING):
        results = [add.enqueue(1), *add.enqueue_many([2, 3]).results()]
    assert "wait in the outbox for their broker: nobody there" in caplog.text
    Shelf.down = False
    elsewhere.sweep()
    assert sorted(Shelf.log) == [result.id for result in results]


def test_looking_into_an_empty_outbox_is_one_statement_each_half_minute(elsewhere):
    statements = []
    with elsewhere.relay() as relay:
        relay.step()  # the first one looks whether there is a table
        connection = relay._table.session.connection
        connection.execute_wrappers.append(
            lambda execute, sql, *rest: (statements.append(sql), execute(sql, *rest))[1]
        )
        assert relay.step() == 30
    assert len(statements) == 1


def test_only_rows_of_a_token_are_withdrawn_and_they_can_be_restored(elsewhere, monkeypatch):
    with monkeypatch.context() as patch:
        dead(patch)
        with transaction.atomic(using=elsewhere.alias):
            mine = add.enqueue_many(range(2))
        with transaction.atomic(using=elsewhere.alias):
            theirs = add.enqueue(3)
    table = elsewhere.runtime.shared.outbox
    token = next(row.token for row in elsewhere.rows() if row.id in list(mine))
    held = [table.find(job_id) for job_id in mine]
    assert table.withdraw(token, [*mine, theirs.id]) == set(mine)
    assert [row.id for row in elsewhere.rows()] == [theirs.id]
    assert table.withdraw(token, list(mine)) == set()
    table.restore("", held)
    elsewhere.sweep()
    assert sorted(Shelf.log) == sorted(mine)
    assert [row.id for row in elsewhere.rows()] == [theirs.id]
