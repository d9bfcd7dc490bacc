"""Enqueueing joins the caller's transaction, refuses what it cannot carry, and tells signals."""

import asyncio
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from django_convoy import ConfigurationError, PayloadError
from django_convoy.backend import ConvoyBackend
from django_convoy.framework import InvalidTask, TaskResultDoesNotExist, task_signals
from django_convoy.runtime import runtime_of
from tests.api.tasks import add, echo, fail, unkeepable
from tests.app.models import Note


def ready(queue="default"):
    return runtime_of("default").shared.broker.counts(queue).ready


@pytest.mark.django_db(transaction=True)
def test_an_enqueue_commits_with_its_transaction():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Note.objects.create(text="gone")
        result = add.enqueue(1)
        assert add.get_result(result.id) == result
        raise ZeroDivisionError
    assert ready() == 0
    with pytest.raises(TaskResultDoesNotExist):
        add.get_result(result.id)
    with transaction.atomic():
        add.enqueue(1)
    assert ready() == 1


@pytest.mark.django_db(transaction=True)
def test_a_savepoint_that_is_rolled_back_takes_its_enqueues_along():
    with transaction.atomic():
        add.enqueue(1)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            add.enqueue(2)
            raise ZeroDivisionError
    assert ready() == 1


@pytest.mark.django_db
def test_an_enqueue_is_one_statement(django_assert_num_queries):
    add.enqueue(0)
    with django_assert_num_queries(1):
        add.enqueue(1, b=2)


@pytest.mark.django_db(transaction=True)
def test_enqueueing_in_async_code():
    result = asyncio.run(add.aenqueue(1))
    assert asyncio.run(add.aget_result(result.id)) == result


class Unknown:
    """Nothing that JSON has."""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Unknown(), "test_enqueueing.Unknown, which JSON cannot carry"),
        ({"deep": [{"x": Unknown()}]}, "['deep'][0]['x'] is a"),
        ({1: "a"}, "has the key 1: JSON has only text as keys"),
        (lambda: None, "builtins.function"),
        (float("nan"), "NaN"),
        ("\ud800", "surrogates"),
        (Note(text="unsaved"), "is not saved"),
    ],
)
@pytest.mark.django_db
def test_what_cannot_be_carried_is_refused_and_named(value, words):
    with pytest.raises(PayloadError) as caught:
        echo.enqueue(value)
    assert words in str(caught.value)
    assert isinstance(caught.value, TypeError)
    assert ready() == 0


@pytest.mark.django_db
def test_what_contains_itself_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(PayloadError, match="contains itself"):
        echo.enqueue(endless)


def test_a_saved_object_is_carried_as_a_reference(run_jobs):
    note = Note.objects.create(text="kept")
    result = echo.enqueue(note, price=Decimal("1.10"))
    Note.objects.filter(pk=note.pk).update(text="changed")
    assert echo.get_result(result.id).args[0].text == "changed"


def test_a_value_that_cannot_be_kept_fails_the_job(run_jobs):
    result = unkeepable.enqueue()
    run_jobs()
    assert "builtins.object, which JSON cannot carry" in unkeepable.get_result(result.id).message


@pytest.mark.django_db
def test_a_queue_that_is_not_declared_any_more_is_refused_when_enqueueing(settings):
    some = add.using(queue_name="post")
    settings.TASKS = {"default": {**settings.TASKS["default"], "QUEUES": ["default"]}}
    with pytest.raises(InvalidTask, match="post"):
        some.enqueue(1)


@pytest.mark.parametrize("part", ["broker", "store"])
def test_a_database_that_is_not_there_is_named_with_those_that_are(settings, part):
    options = {part: {"name": "database", "alias": "nowhere"}}
    settings.TASKS = {"default": {**settings.TASKS["default"], "OPTIONS": options}}
    with pytest.raises(ConfigurationError) as caught:
        add.enqueue(1)
    assert "there is no database 'nowhere' in DATABASES; there is: default" in str(caught.value)
    assert "TASKS['default']" in str(caught.value)


@pytest.fixture
def heard():
    """Signals as (name, sender, status)."""
    said = []
    names = ("task_enqueued", "task_started", "task_finished")
    receivers = {
        name: lambda sender, task_result, name=name, **kwargs: said.append(
            (name, sender, str(task_result.status))
        )
        for name in names
    }
    for name, receiver in receivers.items():
        getattr(task_signals, name).connect(receiver)
    yield said
    for name, receiver in receivers.items():
        getattr(task_signals, name).disconnect(receiver)


def test_signals_tell_of_a_job_with_the_backends_class_as_sender(heard, run_jobs):
    add.enqueue(1)
    run_jobs()
    assert heard == [
        ("task_enqueued", ConvoyBackend, "READY"),
        ("task_started", ConvoyBackend, "RUNNING"),
        ("task_finished", ConvoyBackend, "SUCCESSFUL"),
    ]


def test_signals_tell_of_failures_and_of_what_is_tried_again(heard, run_jobs):
    fail.enqueue("x")
    run_jobs()
    fail.using(retries=1).enqueue("x")
    run_jobs()
    assert [one[2] for one in heard if one[0] == "task_finished"] == ["FAILED", "READY"]


@pytest.mark.django_db
def test_signals_tell_of_each_of_many(heard):
    add.enqueue_many([(1,), (2,)])
    assert heard == [("task_enqueued", ConvoyBackend, "READY")] * 2


@pytest.mark.django_db
def test_a_subclass_of_the_backend_is_its_own_sender(heard, settings):
    path = "tests.django_suite.backends.InspectedBackend"
    settings.TASKS = {"default": {"BACKEND": path, "QUEUES": []}}
    add.enqueue(1)
    assert [one[1].__name__ for one in heard] == ["InspectedBackend"]


@pytest.mark.django_db
def test_ids_grow_with_time():
    ids = [add.enqueue(number).id for number in range(50)]
    assert ids == sorted(ids)
    assert len({*ids}) == 50
    assert {len(one) for one in ids} == {32}


def test_what_ran_late_still_ran_in_order_of_priority_then_age(run_jobs):
    low = add.using(priority=-1).enqueue(1)
    first, second = add.enqueue(1), add.enqueue(2)
    high = add.using(priority=1).enqueue(1)
    add.using(run_after=timedelta(hours=1)).enqueue(1)
    assert run_jobs() == [high.id, first.id, second.id, low.id]


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((), {}, "missing a required argument: 'a'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"c": 1}, "unexpected keyword argument 'c'"),
        ((1,), {"a": 1}, "multiple values for argument 'a'"),
    ],
)
@pytest.mark.django_db
def test_a_call_that_the_function_would_refuse_is_refused_at_once(args, kwargs, said):
    with pytest.raises(TypeError, match=re.escape(said)):
        add.enqueue(*args, **kwargs)
    with pytest.raises(TypeError, match=re.escape(said)):
        add.enqueue_many([add.job(*args, **kwargs)])
