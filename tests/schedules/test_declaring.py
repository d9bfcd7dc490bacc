"""Schedules made at run time, and every mistake that can be made with them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction

from django_convoy import (
    InvalidSchedule,
    PayloadError,
    Schedule,
    aschedule,
    aunschedule,
    cron,
    every,
    once,
    schedule,
    unschedule,
)
from django_convoy.framework import BaseTaskBackend, InvalidTask
from django_convoy.schedules import book_of, from_options
from tests.api.tasks import add, contextual, plain
from tests.databases import on_each_database
from tests.working import work

RULE = every(years=1)
with_database = pytest.mark.django_db(transaction=True)


@on_each_database
def test_a_schedule_says_when_it_fires_next(alias, place):
    made = schedule("report", add, cron("0 3 * * *", tz="Europe/Berlin"), args=[7])
    assert made.next_at.astimezone(UTC).minute == 0
    assert made.next_at > place.book.table.now()
    assert [row.name for row in place.book.all()] == ["report"]


@on_each_database
def test_the_same_name_again_changes_it(alias, place):
    first = schedule("x", add, RULE, args=[1])
    place.put_off("x", 50)
    same_rule = schedule("x", add, RULE, args=[2], catch_up="none")
    assert same_rule.id == first.id
    assert same_rule.next_at != first.next_at  # it was put off, and stays so
    other = schedule("x", add, every(years=2), args=[2])
    assert other.id == first.id
    assert other.rule != first.rule
    assert other.next_at > same_rule.next_at


@on_each_database
def test_a_pause_outlives_a_change(alias, place):
    schedule("x", add, RULE, args=[1])
    place.book.pause("x")
    assert schedule("x", add, every(years=2), args=[1]).wake_at is None


@on_each_database
def test_it_is_part_of_the_callers_transaction(alias, place):
    with pytest.raises(RuntimeError), transaction.atomic(using=alias):
        schedule("x", add, RULE, args=[1])
        raise RuntimeError
    assert place.book.all() == []
    with transaction.atomic(using=alias):
        schedule("x", add, RULE, args=[1])
    assert len(place.book.all()) == 1


@on_each_database
def test_it_can_be_removed(alias, place):
    place.make("x", args=[1], ago=1)
    place.fire()
    assert unschedule("x")
    assert not unschedule("x")
    assert place.book.all() == []


@with_database
def test_async_code_has_the_same(place):
    async def work():
        await aschedule("x", add, RULE, args=[1])
        return await aunschedule("x")

    assert async_to_sync(work)()


@with_database
def test_arguments_are_those_of_jobs(place):
    place.make(args=[date(2030, 1, 31)], kwargs={"b": Decimal("1.10")}, ago=1)
    place.fire()
    (call,) = place.calls()
    assert (call.args, call.kwargs) == ([date(2030, 1, 31)], {"b": Decimal("1.10")})


@with_database
def test_a_task_of_django_itself_can_be_scheduled(place):
    place.make(task=plain, args=[1], ago=1)
    assert len(place.fire()) == 1


@with_database
def test_a_task_with_a_context_gets_it(place):
    place.make(task=contextual, args=["word"], ago=1)
    place.fire()
    assert len(work()) == 1


@with_database
@pytest.mark.parametrize("use_tz", [True, False])
def test_times_are_those_of_the_site(place, settings, use_tz):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, "Asia/Kathmandu"
    row = place.make(rule=cron("15 9 * * *"), args=[1], intended="b")
    assert row.next_at.astimezone(UTC).time().isoformat() == "03:30:00"
    at = row.next_at
    place.book.table.update("x", {"next_at": at - timedelta(days=1), "wake_at": at})
    place.put_off("x", -60)
    place.fire()
    told = place.calls()[0].kwargs["b"]
    assert (told.tzinfo is not None) == use_tz
    assert abs(told.replace(tzinfo=None) - datetime.now(UTC).replace(tzinfo=None)) > timedelta(
        hours=5
    )
    again = once("2031-01-31T09:15:00")
    row = place.make("naive", rule=again, args=[1])
    assert row.next_at == datetime(2031, 1, 31, 3, 30, tzinfo=UTC)


@with_database
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": ""}, "name: '' cannot be a schedule's name"),
        ({"name": 7}, "name: 7 cannot"),
        ({"name": "a\nb"}, "name: 'a.nb' cannot"),
        ({"name": "x" * 151}, "at most 150"),
        ({"task": "nowhere.at.all"}, "task: nowhere.at.all: No module named 'nowhere'"),
        ({"task": "tests.api.tasks.ad"}, "task: "),
        ({"task": print}, "task: must be a task or its path, not <built-in"),
        ({"task": add.using(run_after=timedelta(hours=1))}, "task: run_after has no place"),
        ({"rule": 7}, r"rule: must be a rule .* not 7"),
        ({"rule": "soon"}, "cron must have 5 fields .* not 'soon'"),
        ({"rule": {"kind": "daly"}}, "daly"),
        ({"rule": {"kind": "cron", "expression": "0 3 * * *", "tz": "Mars"}}, "tz: .*Mars"),
        ({"rule": {"kind": "every", "interval": "5x"}}, "interval must be .* not '5x'"),
        ({"rule": {"kind": "daily", "between": "9-99"}}, "between must be .* not '9-99'"),
        ({"rule": {"kind": "daily", "weekdays": "fun"}}, "weekdays: unknown day 'fun'"),
        ({"rule": {"kind": "daily", "weekday": "mon"}}, "weekday"),
        ({"rule": once("2001-01-01")}, "at: it never fires after now, .*2001"),
        ({"rule": cron("@daily", end="2001-01-01")}, "end: it never fires after now, .*2001"),
        ({"args": "text"}, "args: must be a list, not 'text'"),
        ({"args": 7}, "args: must be a list, not 7"),
        ({"args": [1, 2, 3]}, r"args: tests.api.tasks.add\(\): too many"),
        ({"args": []}, "args: .*missing a required argument: 'a'"),
        ({"kwargs": [1]}, r"kwargs: must be a dict .* not \[1\]"),
        ({"kwargs": {1: 2}}, "kwargs: must be a dict"),
        ({"kwargs": {"c": 2}}, "kwargs: .*unexpected keyword argument 'c'"),
        ({"kwargs": {"a": 2}}, "kwargs: .*multiple values for argument 'a'"),
        ({"catch_up": "some"}, "catch_up: there is no 'some'; there are: all, last, none"),
        ({"overlap": "skp"}, "overlap: there is no 'skp'; did you mean 'skip'"),
        ({"catch_up": "all", "overlap": "skip"}, 'catch_up: "all" .* overlap=.skip. forbids'),
        ({"intended": "not a name"}, "intended: must be True or the name .* not 'not a name'"),
        ({"intended": "c"}, "intended: .*unexpected keyword argument 'c'"),
        ({"intended": True}, "intended: .*unexpected keyword argument 'intended'"),
        ({"intended": "b", "kwargs": {"b": 1}}, "kwargs: 'b' gets the intended time"),
        ({"catchup": "all"}, "unknown field 'catchup'; did you mean 'catch_up'"),
    ],
)
def test_every_mistake_is_named_with_its_field(place, change, told):
    given = {"name": "x", "task": add, "rule": RULE, "args": [1], **change}
    with pytest.raises(InvalidSchedule, match=told):
        schedule(**given)
    assert book_of("default").all() == []


@with_database
def test_arguments_that_cannot_be_carried_are_refused_now(place):
    with pytest.raises(PayloadError, match=r"args\[0\]"):
        schedule("x", add, RULE, args=[object()])


@with_database
def test_a_queue_that_is_not_declared_is_refused_now(place, settings):
    settings.TASKS = {"default": {**settings.TASKS["default"], "QUEUES": ["default"]}}
    with pytest.raises(InvalidTask, match="mail"):
        schedule("x", add.using(queue_name="mail"), RULE, args=[1])


@with_database
def test_options_of_a_dict_are_read_as_using_does(place):
    made = from_options("x", {"task": add, "rule": "@daily", "args": [1], "timeout": 3})
    assert made.declaration().options == {"timeout": 3.0}
    for wrong, told in (
        ({"timeout": -1}, "timeout must be"),
        ({"time_out": 1}, "unknown field 'time_out'; did you mean 'timeout'"),
        ({"backend": "x"}, "unknown field 'backend'"),
    ):
        with pytest.raises(InvalidSchedule, match=told):
            from_options("x", {"task": add, "rule": "@daily", **wrong})
    for missing in ("task", "rule"):
        given = {"task": add, "rule": "@daily"}
        del given[missing]
        with pytest.raises(InvalidSchedule, match=f"{missing}: is missing"):
            from_options("x", given)


@with_database
def test_another_backends_tasks_are_refused(place, settings):
    dummy = f"{BaseTaskBackend.__module__.rpartition('.')[0]}.dummy.DummyBackend"
    settings.TASKS = {**settings.TASKS, "other": {"BACKEND": dummy}}
    with pytest.raises(InvalidSchedule, match="only Convoy's backends have schedules"):
        schedule("x", add.using(backend="other"), RULE, args=[1])


@with_database
def test_a_broker_and_a_store_that_know_nothing_of_ends_cannot_tell_overlaps(use, stewards):
    use(broker={"name": "tests.limited.BlindBroker"}, store="none")
    with pytest.raises(Exception, match="overlap needs to know whether the last run is over"):
        schedule("x", add, RULE, args=[1], overlap="skip")
    schedule("x", add, RULE, args=[1])


def test_a_declared_schedule_is_a_value():
    one = Schedule("x", add, RULE, args=[1])
    assert one == Schedule("x", add, RULE, args=[1])
    assert one.declaration().mark(str) == one.declaration().mark(str)
    assert one.declaration().mark(str) != Schedule("x", add, RULE, args=[2]).declaration().mark(str)


def test_the_mark_of_a_set_is_the_same_in_every_process():
    words = {"a", "bb", "ccc", "dddd"}
    marks = {
        Schedule("x", add, RULE, args=[set(order)]).declaration().mark(str)
        for order in (sorted(words), sorted(words, reverse=True))
    }
    assert len(marks) == 1
