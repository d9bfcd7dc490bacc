"""What is due is fired once, whatever stands in the way of others."""

import logging
from datetime import timedelta

import pytest
from django.db import IntegrityError

from django_convoy.framework import task_signals
from django_convoy.scheduling.rules import cron, every, once
from django_convoy.scheduling.table import KEPT, PRUNE_EACH, Fired
from tests.api.tasks import add
from tests.databases import on_each_database
from tests.worker.site import wait_for
from tests.working import work

pytestmark = on_each_database


def test_what_is_due_becomes_a_job_and_the_next_time_is_set(alias, place):
    place.make(args=[7], kwargs={"b": 2})
    at = place.put_off("x", -3)
    (job,) = place.fire()
    assert [one.id for one in place.jobs()] == [job.id]
    (call,) = place.calls()
    assert (call.args, call.kwargs) == ([7], {"b": 2})
    row = place.book.get("x")
    assert (row.fired, row.last_at, row.last_job) == (1, at, job.id)
    assert row.next_at > place.book.table.now()
    assert row.next_at == row.wake_at
    assert place.fire() == []
    assert len(work()) == 1


def test_what_is_not_due_costs_one_look_and_is_left_alone(alias, place):
    place.make(args=[1], rule=every(hours=1))
    assert place.fire() == []
    assert 0 < place.book.table.next_wake() <= 3600


def test_the_next_time_to_wake_is_that_of_the_earliest(alias, place):
    assert place.book.table.next_wake() is None
    place.make("later", args=[1])
    place.make("sooner", args=[1])
    place.put_off("sooner", 20)
    assert 18 < place.book.table.next_wake() <= 20


def test_many_are_fired_in_one_pass(alias, place):
    for number in range(30):
        place.make(f"s{number}", args=[number], ago=1)
    assert len(place.fire()) == 30
    assert sorted(call.args[0] for call in place.calls()) == list(range(30))


def test_two_stewards_share_what_is_due(alias, place, stewards):
    for number in range(10):
        place.make(f"s{number}", args=[number], ago=1)
    other = stewards()._firing
    assert len(place.fire()) + len(other.fire()) == 10


def test_a_firing_has_a_key_of_its_own(alias, place):
    row = place.make(args=[1])
    at = place.put_off("x", -1)
    place.fire()
    with pytest.raises(IntegrityError):
        place.book.table.insert_firings([Fired(row.id, at, at, "0" * 32)])


def test_a_time_that_was_fired_is_not_fired_again_whatever_the_row_says(alias, place):
    place.make(args=[1])
    place.make("y", args=[2], ago=5)
    at = place.put_off("x", -5)
    assert len(place.fire()) == 2
    place.book.table.update("x", {"next_at": at, "wake_at": at})
    place.put_off("y", -1)
    assert len(place.fire()) == 1  # y, although they are a batch
    assert place.fire() == []
    assert len(place.history()) == 1
    assert place.book.get("x").next_at > at


def test_a_schedule_of_one_time_is_over_then(alias, place):
    at = place.book.table.now() + timedelta(seconds=0.3)
    place.make(rule=once(at), args=[1])
    assert len(wait_for(place.fire, "the time to come")) == 1
    row = place.book.get("x")
    assert (row.next_at, row.wake_at) == (None, None)
    assert place.book.next(row, 5) == []


def test_a_rule_that_repeats_so_often_ends(alias, place):
    place.make(rule=every(years=1, repeat=2), args=[1], ago=1)
    place.fire()
    assert place.book.get("x").next_at is not None
    place.put_off("x", -1)
    place.fire()
    assert place.book.get("x").next_at is None
    assert place.book.get("x").fired == 2


def test_the_task_may_be_told_for_which_time_it_runs(alias, place):
    rule = cron("0 3 * * *", tz="Europe/Berlin")
    place.make(rule=rule, args=[1], intended="b")
    at = place.put_off("x", -2)
    place.fire()
    told = place.calls()[0].kwargs["b"]
    assert told == at
    assert str(told.tzinfo) == "Europe/Berlin"


def test_options_of_the_task_travel_with_the_job(alias, place):
    place.make(
        task=add.using(priority=7, queue_name="mail", timeout=9, expires=60), args=[1], ago=1
    )
    (job,) = place.fire()
    assert (job.priority, job.queue) == (7, "mail")
    (call,) = place.calls()
    assert call.options == {"timeout": 9.0, "expires": 60.0}
    assert len(work()) == 1


def test_jitter_puts_the_enqueue_off_and_not_the_intended_time(alias, place):
    row = place.make(rule=every(hours=1, jitter=600), args=[1])
    assert row.next_at <= row.wake_at <= row.next_at + timedelta(seconds=600)
    assert row.next_at.minute == 0


def test_the_history_says_what_became_of_each_firing(alias, place):
    place.make(args=[1], ago=2)
    place.fire()
    (run,) = place.history()
    assert (run.outcome, run.started_after) == ("ready", None)
    assert timedelta(seconds=2) <= run.late < timedelta(seconds=30)
    work()
    (run,) = place.history()
    assert run.outcome == "SUCCESSFUL"
    assert run.started_after is not None


def test_a_schedule_that_is_over_is_forgotten_after_a_week(alias, place):
    table = place.book.table
    for name in ("old", "new", "lasting"):
        place.make(name, args=[1])
    for name, days in (("old", 8), ("new", 6)):
        at = table.now() - timedelta(days=days)
        table.update(name, {"next_at": None, "wake_at": None, "last_at": at})
    table.insert_firings([Fired(place.book.get("old").id, at, at)])
    assert place.firing._table.forget_over(10) == 1
    assert [row.name for row in place.book.all()] == ["lasting", "new"]


def test_whoever_listens_hears_of_new_jobs(alias, place, stewards):
    heard = []

    def hear(task_result, **rest):
        heard.append(task_result)

    place.make(args=[7], ago=1)
    task_signals.task_enqueued.connect(hear)
    try:
        assert stewards()._step() == 0.0
    finally:
        task_signals.task_enqueued.disconnect(hear)
    (result,) = heard
    assert (result.task, result.args, result.status.name) == (add, [7], "READY")


def test_the_history_of_each_schedule_is_bounded(alias, place):
    row = place.make(args=[1], rule=every(seconds=1))
    old = place.book.table.now() - timedelta(days=9)
    table = place.book.table
    table.insert_firings(
        [Fired(row.id, old + timedelta(seconds=n), old, "0" * 32) for n in range(KEPT + 30)]
    )
    table.update("x", {"fired": PRUNE_EACH - 1})
    place.put_off("x", -1)
    place.fire()
    assert len(place.history()) == KEPT


# What goes wrong


def test_a_task_that_is_gone_is_named_in_the_row_and_stops_no_other(
    alias, place, monkeypatch, caplog
):
    place.make("bad", task="tests.api.tasks.fail", args=["x"], ago=2)
    place.make("good", args=[1], ago=1)
    monkeypatch.delattr("tests.api.tasks.fail")
    with caplog.at_level(logging.ERROR, "django_convoy.schedules"):
        assert len(place.fire()) == 1
    row = place.book.get("bad")
    assert row.failures == 1
    assert "tests.api.tasks.fail" in row.failure
    assert "schedule bad could not be fired" in caplog.text
    assert row.next_at < place.book.table.now() < row.wake_at


def test_it_is_tried_again_ever_more_seldom_and_fires_the_time_it_missed(alias, place, monkeypatch):
    place.make(task="tests.api.tasks.fail", args=["x"], catch_up="none")
    at = place.put_off("x", -300)
    place.book.table.update("x", {"failures": 3, "failure": "before"})
    with monkeypatch.context() as patch:
        patch.delattr("tests.api.tasks.fail")
        place.fire()
    row = place.book.get("x")
    pause = (row.wake_at - place.book.table.now()).total_seconds()
    assert row.failures == 4
    assert 5 < pause <= 8
    place.book.table.update("x", {"wake_at": at})
    assert len(place.fire()) == 1
    row = place.book.get("x")
    assert (row.failures, row.failure, row.last_at) == (0, "", at)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("payload", '{"args":["forged"],"kwargs":{}}'),
        ("task", "tests.api.tasks.contextual"),
        ("queue", "mail"),
        ("intended", "b"),
        ("seal", "1j-:forged"),
        ("seal", ""),
        ("key_id", "unknown"),
    ],
)
def test_what_was_changed_in_the_table_is_not_run(alias, place, column, value):
    place.make("bad", args=["right"], ago=2)
    place.make("good", args=[1], ago=1)
    place.book.table.update("bad", {column: value})
    assert len(place.fire()) == 1
    failure = place.book.get("bad").failure
    assert "signature" in failure or "seal" in failure or "key" in failure


def test_the_seal_of_one_schedule_fits_no_other(alias, place):
    one = place.make("one", args=["secret"])
    place.make("two", args=[1], ago=1)
    place.book.table.update("two", {"payload": one.payload, "seal": one.seal})
    assert place.fire() == []
    assert "signature" in place.book.get("two").failure


@pytest.mark.parametrize("rule", ["", "{", "[]", '{"kind": "never"}', '{"kind": "cron"}', "7"])
def test_a_rule_that_nobody_can_read_is_named_and_stops_no_other(alias, place, rule):
    place.make("bad", args=[1], ago=2)
    place.make("good", args=[1], ago=1)
    place.book.table.update("bad", {"rule": rule})
    assert len(place.fire()) == 1
    assert place.book.get("bad").failure
    assert place.book.next(place.book.get("good"), 1)


def test_what_the_database_refuses_is_named_and_stops_no_other(alias, place, monkeypatch):
    place.make("bad", args=[1], ago=2)
    place.make("good", args=[2], ago=1)
    insert = place.firing._table.insert_firings
    bad = place.book.get("bad").id

    def refuse(firings):
        if any(one.schedule_id == bad for one in firings):
            raise ValueError("the database has no place for this")
        insert(firings)

    monkeypatch.setattr(place.firing._table, "insert_firings", refuse)
    assert len(place.fire()) == 1
    assert "has no place" in place.book.get("bad").failure


def test_an_old_key_is_good_for_as_long_as_it_is_a_fallback(alias, place, settings, stewards):
    place.make(args=[1], ago=1)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new-" * 12, [settings.SECRET_KEY]
    (job,) = stewards()._firing.fire()
    assert len(work()) == 1
    assert job.key_id != place.book.get("x").key_id


# What was missed


def missed(place, **options):
    """A schedule of each minute whose last firing was five minutes ago."""
    place.make(rule=every(minutes=1), args=[1], **options)
    now = place.book.table.now()
    first = now.replace(second=0, microsecond=0) - timedelta(minutes=5)
    place.book.table.update("x", {"next_at": first, "wake_at": first})
    return [first + timedelta(minutes=n) for n in range(6)]


def test_of_what_was_missed_the_last_is_fired(alias, place):
    times = missed(place)
    assert len(place.fire()) == 1
    (run,) = place.history()
    assert run.intended_at == times[-1]
    assert "instead of all missed since" in run.note


def test_or_all_of_it(alias, place):
    times = missed(place, catch_up="all")
    assert len(place.fire()) == 6
    assert [run.intended_at for run in place.history()] == times[::-1]
    assert place.book.get("x").fired == 6


def test_or_none(alias, place):
    place.make(args=[1], catch_up="none")
    at = place.put_off("x", -1800)
    assert place.fire() == []
    (run,) = place.history()
    assert (run.outcome, run.job_id, run.intended_at) == ("skipped", "", at)
    assert "missed" in run.note
    assert place.book.get("x").next_at > at


def test_a_moment_late_is_not_missed(alias, place):
    place.make(args=[1], catch_up="none", ago=30)
    assert len(place.fire()) == 1


def test_a_month_of_seconds_is_caught_up_with_in_pieces(alias, place):
    place.make(rule=every(seconds=1), args=[1], catch_up="all", ago=250.5)
    counts = [len(place.fire()) for _ in range(4)]
    assert counts[:2] == [100, 100]
    assert 50 <= counts[2] <= 60
    times = [run.intended_at for run in place.history()]
    assert len(times) == len(set(times))


# While the last run is not over


def test_a_run_that_is_not_over_may_be_skipped(alias, place):
    place.make(args=[1], overlap="skip", ago=1)
    (job,) = place.fire()
    place.put_off("x", -1)
    assert place.fire() == []
    assert place.history()[0].note == f"skipped: job {job.id} was not over"
    work()
    place.put_off("x", -1)
    assert len(place.fire()) == 1


def test_or_waited_for_by_one(alias, place):
    place.make(args=[1], overlap="queue", ago=1)
    (job,) = place.fire()
    at = place.put_off("x", -200)
    assert place.fire() == []
    row = place.book.get("x")
    assert row.next_at == at
    assert row.failure == f"waits for the end of job {job.id}"
    assert 0 < place.book.table.next_wake() <= 1
    work()
    place.book.table.update("x", {"wake_at": at})
    assert len(place.fire()) == 1
    assert place.book.get("x").failure == ""


def test_or_not_looked_at(alias, place):
    place.make(args=[1], ago=1)
    place.fire()
    place.put_off("x", -1)
    assert len(place.fire()) == 1
    assert len(place.jobs()) == 2


# Pauses


def test_what_is_paused_is_not_fired_nor_missed(alias, place):
    place.make(args=[1], ago=-2)
    place.book.pause("x")
    assert place.book.table.next_wake() is None
    place.book.table.update("x", {"next_at": place.book.table.now() - timedelta(seconds=9)})
    row = place.book.resume("x")
    assert row.next_at > place.book.table.now()
    assert place.book.table.next_wake() > 0
    assert place.fire() == []


def test_a_row_that_says_paused_is_not_fired_whoever_wrote_that(alias, place):
    place.make(args=[1], ago=1)
    place.book.table.update("x", {"paused": True})
    assert place.fire() == []
    assert place.book.get("x").wake_at is None


def test_all_of_a_site_can_be_paused(alias, place):
    place.make("a", args=[1], ago=1)
    place.make("b", args=[1])
    place.book.pause("b")
    place.book.pause_all()
    assert place.book.paused
    assert place.book.table.next_wake() is None
    place.book.resume_all()
    assert not place.book.paused
    assert place.fire() == []
    assert place.book.get("a").next_at > place.book.table.now()
    assert place.book.get("b").paused


def test_a_run_by_hand_is_beside_the_times(alias, place):
    row = place.make(args=[1])
    job_id = place.book.run("x")
    assert [one.id for one in place.jobs()] == [job_id]
    assert place.book.get("x").next_at == row.next_at
    (run,) = place.history()
    assert (run.job_id, run.note) == (job_id, "by hand")


# Sites that share a database


def test_each_namespace_fires_its_own(alias, place, use, stewards):
    place.make(args=["plain"], ago=1)
    use(alias, namespace="blue")
    assert place.book.all() == []
    place.make(args=["blue"], ago=1)
    (job,) = stewards()._firing.fire()
    assert job.queue == "blue:default"
    use(alias)
    assert len(place.fire()) == 1
