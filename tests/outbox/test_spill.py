"""Arguments that are too large for a broker stay in the database until their job is over."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction

from django_convoy.brokers import wire
from django_convoy.brokers.memory_world import Row
from django_convoy.contracts.broker import Adopter, Held
from django_convoy.core.codec import Call
from django_convoy.db.models import SpilledPayload
from django_convoy.domain import clock, ids
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import NO_NOTE, Envelope
from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError, PayloadError
from django_convoy.domain.promises import is_too_large
from django_convoy.framework import TaskResultStatus
from django_convoy.insight import control, jobs
from django_convoy.models import FinishedJob
from django_convoy.outbox.spill import MARK, Spill
from django_convoy.runtime import runtime_of
from django_convoy.tasks import task
from django_convoy.testing.jobs import run_jobs
from tests.databases import on_each_database
from tests.outbox.shelf import Shelf

MOST = 5_000
LARGE, SMALL = "ä\n" * 300_000, "x"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
pytestmark = on_each_database


@task
def length(text):
    return len(text)


@task(retries=1, backoff=60)
def second_time(text):
    if not hasattr(second_time.func, "tried"):
        second_time.func.tried = True
        raise ValueError("once more")
    return len(text)


@task
def refuse(text):
    raise ValueError("no")


class AdoptingShelf(Shelf, Adopter):
    def adopt(self, jobs):
        for job in jobs:
            self._world.rows[job.envelope.id] = Row(job.envelope, "ready", job.attempt, job.note)


@pytest.fixture
def place(use, alias):
    """`place(enqueue="now")`: a site whose broker takes little."""

    def make(*, spill=True, fallback=False, max_delay=None, **options):
        limits = {"max_body": MOST, "max_delay": max_delay}
        made = use(
            alias,
            broker={"name": "tests.outbox.shelf.Shelf", **limits},
            compress_above=None,
            outbox={"spill": spill, "fallback": fallback},
            **options,
        )
        made.spilled = lambda: list(SpilledPayload.objects.using(alias).order_by("id"))
        return made

    return make


@pytest.fixture
def elsewhere(place):
    return place()


def in_broker(job_id):
    return Shelf.world.rows[job_id].envelope


def record(elsewhere, job_id):
    return FinishedJob.objects.using(elsewhere.alias).get(id=job_id)


def change(elsewhere, **values):
    SpilledPayload.objects.using(elsewhere.alias).update(**values)


# Sending


def test_what_is_large_stays_and_what_is_small_travels(elsewhere):
    small, large = length.enqueue(SMALL), length.enqueue(LARGE)
    assert SMALL in in_broker(small.id).payload
    assert in_broker(large.id).payload == MARK
    (row,) = elsewhere.spilled()
    assert (row.id, row.backend) == (large.id, "default")
    assert len(row.payload) > len(LARGE)
    assert elsewhere.rows() == []  # it never had to wait


def test_it_is_sent_when_its_transaction_commits_and_not_before(elsewhere):
    with transaction.atomic(using=elsewhere.alias):
        result = length.enqueue(LARGE)
        assert (Shelf.log, elsewhere.spilled()) == ([], [])
        assert len(elsewhere.rows()[0].payload) > len(LARGE)
    assert in_broker(result.id).payload == MARK
    assert [row.id for row in elsewhere.spilled()] == [result.id]
    assert elsewhere.rows() == []


def test_nothing_is_left_of_a_transaction_that_is_rolled_back(elsewhere):
    with pytest.raises(ZeroDivisionError), transaction.atomic(using=elsewhere.alias):
        length.enqueue(LARGE)
        raise ZeroDivisionError
    assert (elsewhere.rows(), elsewhere.spilled(), Shelf.log) == ([], [], [])


def test_a_steward_sends_it_where_the_sender_died(elsewhere):
    Shelf.down = True
    with transaction.atomic(using=elsewhere.alias):
        result = length.enqueue(LARGE)
    assert [row.id for row in elsewhere.rows()] == [result.id]
    Shelf.down = False
    elsewhere.leave_for_good()
    elsewhere.sweep()  # writes what is there already once more
    assert in_broker(result.id).payload == MARK
    assert len(elsewhere.spilled()) == 1
    assert elsewhere.rows() == []
    run_jobs()
    assert length.get_result(result.id).return_value == len(LARGE)


def test_with_a_fallback_the_whole_job_waits_for_its_broker(place):
    elsewhere = place(fallback=True)
    Shelf.down = True
    length.enqueue(LARGE)
    assert len(elsewhere.rows()[0].payload) > len(LARGE)


def test_many_in_one_call(elsewhere):
    batch = length.enqueue_many(["y" * 9_000, "z", "w" * 9_000])
    assert len(elsewhere.spilled()) == 2
    run_jobs()
    assert [length.get_result(one).return_value for one in batch] == [9_000, 1, 9_000]


def test_on_commit_it_is_written_after_the_commit(place):
    elsewhere = place(enqueue="on_commit")
    with transaction.atomic(using=elsewhere.alias):
        length.enqueue(LARGE)
        assert elsewhere.spilled() == []
    assert len(elsewhere.spilled()) == 1


def test_it_cannot_be_sent_before_the_commit(place):
    elsewhere = place(enqueue="now")
    with transaction.atomic(using=elsewhere.alias):
        length.enqueue(SMALL)
        with pytest.raises(PayloadError, match='OPTIONS\\["enqueue"\\] to "outbox"'):
            length.enqueue(LARGE)
    length.enqueue(LARGE)
    assert len(Shelf.log) == 2
    assert len(elsewhere.spilled()) == 1


def test_what_is_parked_is_whole_until_it_is_sent(place):
    elsewhere = place(max_delay=900)
    due = clock.now() + DAY
    result = length.using(run_after=due).enqueue(LARGE)
    assert len(elsewhere.rows()[0].payload) > len(LARGE)
    assert elsewhere.spilled() == []
    assert elsewhere.find(result.id).envelope.payload != MARK


def test_a_delayed_job_has_it_for_longer(elsewhere):
    length.using(run_after=timedelta(days=100)).enqueue(LARGE)
    (row,) = elsewhere.spilled()
    assert timedelta(days=114) < row.expires_at - clock.now() < timedelta(days=116)


def test_it_is_refused_where_it_was_not_asked_for(place):
    elsewhere = place(spill=False)
    with pytest.raises(PayloadError, match='set OPTIONS\\["outbox"\\] to \\{"spill": True\\}'):
        length.enqueue(LARGE)
    assert elsewhere.spilled() == []


@pytest.mark.parametrize("letter", ["x", "ä", '"', "\U0001f69a"])
def test_no_job_is_taken_for_one_that_fits_and_does_not(letter, alias):
    most = 300_000
    envelope = Envelope(
        ids.job_id(), "q" * 200, "t" * 255, "", "s" * 80, "k" * 16, -100, clock.now(), clock.now()
    )
    can = Capabilities(max_body=most)
    for size in range(50_000, 310_000, 7_001):
        envelope.payload = letter * size
        fits = len(wire.pack(envelope, 0, NO_NOTE).encode()) <= most
        assert fits or is_too_large(can, envelope)


# Running


def test_it_runs_with_its_arguments_and_leaves_nothing(elsewhere):
    result = length.enqueue(LARGE)
    run_jobs()
    result.refresh()
    assert (result.return_value, result.args) == (len(LARGE), [LARGE])
    assert elsewhere.spilled() == []
    assert len(record(elsewhere, result.id).payload) > len(LARGE)


def test_a_retry_finds_it_again(elsewhere):
    second_time.func.__dict__.pop("tried", None)
    result = second_time.enqueue(LARGE)
    change(elsewhere, expires_at=clock.now() + HOUR)
    run_jobs()
    assert in_broker(result.id).payload == MARK
    (row,) = elsewhere.spilled()
    assert row.expires_at > clock.now() + 14 * DAY  # its message begins anew, too
    Shelf.world.rows[result.id].wait("ready")  # a minute later
    run_jobs()
    result.refresh()
    assert (result.return_value, result.attempts) == (len(LARGE), 2)
    assert elsewhere.spilled() == []


def test_it_is_run_again_from_the_history(elsewhere):
    result = refuse.enqueue(LARGE)
    run_jobs()
    assert result.wait(5).status is TaskResultStatus.FAILED
    assert elsewhere.spilled() == []
    control.retry(elsewhere.runtime, result.id)
    assert in_broker(result.id).payload == MARK
    assert len(elsewhere.spilled()) == 1


def test_what_was_changed_in_the_table_is_refused_as_forged(elsewhere):
    result = length.enqueue(LARGE)
    (row,) = elsewhere.spilled()
    change(elsewhere, payload=row.payload.replace("ä", "a", 1))
    run_jobs()
    kept = record(elsewhere, result.id)
    assert kept.status == "QUARANTINED"
    assert "changed or forged" in kept.note


def test_a_forged_message_takes_nothing_away_from_the_job_it_names(elsewhere):
    result = length.enqueue(LARGE)
    real = Shelf.world.rows.pop(result.id).envelope
    broker = elsewhere.runtime.shared.broker
    broker.push([replace(real, seal=real.seal[:-4] + "AAA=")])
    run_jobs()
    kept = record(elsewhere, result.id)
    assert (kept.status, kept.payload) == ("QUARANTINED", MARK)
    broker.push([real])
    run_jobs()
    assert length.get_result(result.id).return_value == len(LARGE)


def test_without_its_row_it_fails_in_a_sentence_and_others_run(elsewhere):
    lost, fine = length.enqueue(LARGE), length.enqueue(SMALL)
    SpilledPayload.objects.using(elsewhere.alias).all().delete()
    run_jobs()
    lost.refresh()
    assert lost.status is TaskResultStatus.FAILED
    assert "are not in the table convoy_spilled" in lost.errors[0].message
    assert fine.wait(5).return_value == 1


def test_a_message_that_comes_twice_changes_nothing_of_its_record(elsewhere):
    result = length.enqueue(LARGE)
    again = in_broker(result.id)
    run_jobs()
    elsewhere.runtime.shared.broker.push([again])
    assert run_jobs() == [result.id]
    result.refresh()
    assert (result.return_value, result.args) == (len(LARGE), [LARGE])
    failing = refuse.enqueue(LARGE)
    again = in_broker(failing.id)
    run_jobs()
    elsewhere.runtime.shared.broker.push([again])
    run_jobs()
    failing.refresh()
    assert [one.message for one in failing.errors] == ["no"]


def test_where_its_database_is_away_it_goes_back(elsewhere, monkeypatch):
    result = length.enqueue(LARGE)

    def away(self, envelope):
        raise BrokerUnavailable("nobody there")

    with monkeypatch.context() as patch:
        patch.setattr(Spill, "whole", away)
        run_jobs()
    held = elsewhere.find(result.id)
    assert (held.state, held.attempt) == ("delayed", 0)
    assert "nobody there" in held.note.waiting
    control.retry(elsewhere.runtime, result.id)
    run_jobs()
    assert length.get_result(result.id).return_value == len(LARGE)


def test_a_job_that_moves_has_a_row_in_each_backend(elsewhere):
    length.enqueue(LARGE)
    (mine,) = elsewhere.spilled()
    SpilledPayload.objects.using(elsewhere.alias).create(
        id=mine.id, backend="blue:default", payload="another", expires_at=mine.expires_at
    )
    run_jobs()
    assert [row.backend for row in elsewhere.spilled()] == ["blue:default"]
    assert record(elsewhere, mine.id).status == "SUCCESSFUL"


def test_a_row_that_cannot_be_deleted_is_no_reason_to_settle_again(elsewhere, monkeypatch, caplog):
    result = length.enqueue(LARGE)

    def away(self, ids):
        raise BrokerUnavailable("nobody there")

    monkeypatch.setattr(Spill, "delete", away)
    run_jobs()
    assert result.wait(5).return_value == len(LARGE)
    assert len(elsewhere.spilled()) == 1
    assert "until they expire" in caplog.text


def test_what_was_written_is_read_after_the_setting_is_gone(place):
    place()
    result = length.enqueue(LARGE)
    elsewhere = place(spill=False)
    run_jobs()
    assert length.get_result(result.id).return_value == len(LARGE)
    assert elsewhere.spilled() == []


def test_a_job_that_is_not_spilled_costs_no_statement(elsewhere, django_assert_num_queries):
    length.enqueue(SMALL)
    elsewhere.runtime.shared.store.get("0" * 32)
    with django_assert_num_queries(0, using=elsewhere.alias):
        length.enqueue(SMALL)
        (lease, _) = elsewhere.runtime.shared.broker.claim(
            ["default"], limit=2, lease=60, worker="w"
        )
        assert elsewhere.runtime.shared.spill.whole(lease.envelope) is lease.envelope


# Pruning


def test_leftovers_of_jobs_that_are_over_expire(elsewhere):
    gone, there = length.enqueue(LARGE), length.enqueue(LARGE)
    fresh = length.enqueue(LARGE)
    past = clock.now() - HOUR
    SpilledPayload.objects.using(elsewhere.alias).exclude(id=fresh.id).update(expires_at=past)
    del Shelf.world.rows[gone.id], Shelf.world.rows[fresh.id]
    assert elsewhere.runtime.shared.spill.prune() == 2
    assert elsewhere.runtime.shared.spill.prune() == 0
    assert [row.id for row in elsewhere.spilled()] == [there.id, fresh.id]


def test_a_broker_that_cannot_be_asked_keeps_them_as_long_as_its_jobs(use, alias, monkeypatch):
    broker = "tests.limited.NarrowBroker"
    elsewhere = use(alias, broker=broker, compress_above=None, outbox={"spill": True})
    length.enqueue(LARGE)
    rows = SpilledPayload.objects.using(alias)
    rows.update(expires_at=clock.now() - HOUR)
    assert elsewhere.runtime.shared.spill.prune() == 0  # it keeps jobs for ever
    assert rows.count() == 1
    can = Capabilities(browse=False, max_body=1000, keeps=timedelta(days=30))
    monkeypatch.setattr("tests.limited.NarrowBroker.capabilities", can)
    elsewhere = use(alias, broker=broker, compress_above=None, outbox={"spill": True})
    assert elsewhere.runtime.shared.spill.prune() == 1
    length.enqueue(LARGE)
    assert clock.now() + 30 * DAY < rows.get().expires_at < clock.now() + 32 * DAY


def test_a_purge_and_a_deleted_queue_leave_what_expires(elsewhere):
    for forget in (control.purge, control.delete):
        length.enqueue(LARGE)
        assert forget(elsewhere.runtime, "default") == 1
    assert run_jobs() == []
    change(elsewhere, expires_at=clock.now() - HOUR)
    elsewhere.runtime.shared.spill.prune()
    assert elsewhere.spilled() == []


# Looking


def test_it_can_be_looked_at_as_any_other_job(elsewhere):
    result = length.enqueue(LARGE)
    assert length.get_result(result.id).args == [LARGE]
    found = jobs.find(elsewhere.runtime, result.id)
    assert (found.call.args, found.unreadable) == ([LARGE], "")
    assert [one.id for one in jobs.live(elsewhere.runtime)] == [result.id]
    SpilledPayload.objects.using(elsewhere.alias).all().delete()
    found = jobs.find(elsewhere.runtime, result.id)
    assert "are not in the table convoy_spilled" in found.unreadable
    assert length.get_result(result.id).args in ([], ())


def test_a_cancelled_job_has_them_in_its_record(elsewhere):
    result = length.enqueue(LARGE)
    control.cancel(elsewhere.runtime, result.id, "enough")
    assert len(record(elsewhere, result.id).payload) > len(LARGE)
    assert elsewhere.spilled() == []


def test_what_is_remembered_of_a_job_goes_with_it(use, alias):
    broker = {"name": "tests.outbox.test_spill.AdoptingShelf", "max_body": MOST}
    elsewhere = use(alias, broker=broker, outbox={"spill": True}, compress_above=None)
    job_id = ids.job_id()
    sealed = elsewhere.runtime.codec.seal(job_id, "default", length.module_path, Call([LARGE]))
    envelope = Envelope(job_id, "default", length.module_path, *sealed, 0, clock.now())
    elsewhere.runtime.shared.outbox.park([(Held(envelope, "parked", 3, NO_NOTE), clock.now())])
    elsewhere.sweep()
    assert (Shelf.world.rows[job_id].attempt, in_broker(job_id).payload) == (3, MARK)


def test_its_name_is_known(use, alias):
    use(alias, outbox={"spil": True})
    with pytest.raises(ConfigurationError, match="did you mean 'spill'"):
        runtime_of("default")
