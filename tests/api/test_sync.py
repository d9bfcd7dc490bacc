"""The broker `sync`: a job has run, with all that its task asked for, when `enqueue()` returns."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from django_convoy import ConfigurationError, InvalidOption, TimeoutExceeded, task
from django_convoy.contracts.store import SUCCESSFUL
from django_convoy.framework import TaskResultStatus, task_signals
from django_convoy.runtime import runtime_of
from tests.api.tasks import add, contextual, echo, fail, later, stop, write_then_fail
from tests.app.models import Note
from tests.databases import on_each_database

RUNS = []


@task(retries=2, backoff=3600, takes_context=True)
def stumble(context, times):
    RUNS.append(context.attempt)
    if context.attempt <= times:
        raise ValueError(f"attempt {context.attempt}")
    return context.last_end


@task(timeout=0.2)
def forever():
    while True:
        pass


@task
def write(text):
    Note.objects.create(text=text)


@task
def write_and_stumble(text):
    Note.objects.create(text=text)
    raise ValueError(text)


@task
def write_twice(pk):
    Note.objects.create(pk=pk, text="first")
    Note.objects.create(pk=pk, text="second")


@task
def enqueue_another(value):
    return add.enqueue(value, 1).return_value


@pytest.fixture
def sync(settings):
    def use(**options):
        given = {"broker": "sync", "store": "memory", **options}
        backend = "django_convoy.backend.ConvoyBackend"
        settings.TASKS = {"default": {"BACKEND": backend, "QUEUES": [], "OPTIONS": given}}
        return runtime_of("default")

    RUNS.clear()
    return use


def test_a_job_has_run_when_enqueue_returns(sync):
    sync()
    result = add.enqueue(1, b=2)
    assert (result.status, result.return_value) == (TaskResultStatus.SUCCESSFUL, 3)
    assert result.wait() is result
    assert later.enqueue(5).return_value == 5
    assert contextual.enqueue("x").return_value == [1, "tests.api.tasks.contextual", "x"]
    assert [one.return_value for one in add.enqueue_many([1, 2]).results()] == [1, 2]


def test_its_record_is_in_the_store(sync):
    store = sync().shared.store
    result = add.enqueue(1)
    assert store.get(result.id).status == SUCCESSFUL
    assert add.get_result(result.id) == result


def test_what_a_body_raises_is_in_the_result_and_not_raised(sync):
    sync()
    result = fail.enqueue("no luck")
    assert (result.status, result.message) == (TaskResultStatus.FAILED, "no luck")
    assert result.errors[0].exception_class is ValueError
    assert "raise ValueError(message)" in result.errors[0].traceback


def test_further_attempts_follow_without_a_pause(sync):
    sync()
    result = stumble.enqueue(2)
    assert RUNS == [1, 2, 3]
    assert result.return_value == "builtins.ValueError: attempt 2"
    assert [error.attempt for error in result.errors] == [1, 2]
    assert stumble.enqueue(9).status == TaskResultStatus.FAILED
    assert RUNS == [1, 2, 3] * 2


def test_a_timeout_ends_the_body(sync):
    sync()
    assert forever.enqueue().errors[0].exception_class is TimeoutExceeded


def test_what_expired_is_not_run(sync):
    sync()
    result = fail.using(expires=datetime(2020, 1, 1, tzinfo=UTC)).enqueue("was run")
    assert (result.detail, result.attempts) == ("CANCELLED", 0)


def test_a_job_that_runs_may_enqueue_another(sync):
    sync()
    assert enqueue_another.enqueue(1).return_value == 2


def test_signals_come_in_their_order(sync):
    sync()
    heard = []
    signals = (
        task_signals.task_enqueued,
        task_signals.task_started,
        task_signals.task_finished,
    )

    def receiver(signal, task_result, **kwargs):
        heard.append((signals.index(signal), task_result.status.value))

    for signal in signals:
        signal.connect(receiver)
    try:
        add.enqueue(1)
    finally:
        for signal in signals:
            signal.disconnect(receiver)
    assert heard == [(0, "READY"), (1, "RUNNING"), (2, "SUCCESSFUL")]


def test_arguments_go_through_the_serializer(sync):
    sync()
    assert echo.enqueue((1, 2)).return_value == [[[1, 2]], {}]
    with pytest.raises(TypeError, match="JSON cannot"):
        echo.enqueue(object())


def test_whoever_wants_to_stop_is_not_held_up(sync):
    sync()
    with pytest.raises(KeyboardInterrupt):
        stop.enqueue()


@pytest.mark.parametrize("when", [timedelta(minutes=1), datetime(2199, 1, 1, tzinfo=UTC)])
def test_a_time_to_come_is_refused(sync, when):
    sync()
    with pytest.raises(InvalidOption, match="the broker 'sync' holds no job back"):
        add.using(run_after=when).enqueue(1)
    with pytest.raises(InvalidOption, match="Enqueue it later"):
        add.enqueue_many([add.using(run_after=when).job(1)])


def test_a_time_that_is_past_is_no_hindrance(sync):
    sync()
    result = add.using(run_after=datetime(2020, 1, 1, tzinfo=UTC)).enqueue(1)
    assert result.return_value == 1


def test_nothing_waits_in_it(sync):
    runtime = sync()
    with pytest.raises(ConfigurationError, match="keeps no jobs"):
        runtime.shared.broker.push([object()])
    assert runtime.shared.broker.claim(["default"], limit=1, lease=1, worker="w") == []


@on_each_database
def test_it_is_part_of_the_callers_transaction(sync, alias):
    pair = sync(broker={"name": "sync", "alias": alias}, store="database").shared
    with pytest.raises(ZeroDivisionError), transaction.atomic(using=alias):
        gone = add.enqueue(1)
        assert pair.store.get(gone.id) is not None
        raise ZeroDivisionError
    assert pair.store.get(gone.id) is None


@pytest.mark.django_db
def test_a_run_that_fails_is_undone_in_the_callers_transaction(sync):
    sync(store="database")
    with transaction.atomic():
        write.enqueue("kept")
        assert write_and_stumble.enqueue("undone").status == TaskResultStatus.FAILED
        result = write_twice.enqueue(7)
        assert result.errors[0].exception_class is IntegrityError
        write.enqueue("kept, too")
    assert sorted(Note.objects.values_list("text", flat=True)) == ["kept", "kept, too"]


@pytest.mark.django_db(transaction=True)
def test_outside_of_one_a_run_that_fails_keeps_what_it_wrote_as_behind_a_worker(sync):
    sync(store="database")
    write_and_stumble.enqueue("kept")
    assert Note.objects.get().text == "kept"


@pytest.mark.parametrize("store", ["database", "memory", "none"])
@pytest.mark.django_db(transaction=True)
def test_an_atomic_task_is_atomic(sync, store):
    sync(store=store)
    assert write_then_fail.enqueue("gone").message == "gone"
    assert not Note.objects.exists()


def test_results_need_not_be_kept(sync):
    sync(store="none")
    assert add.enqueue(1).return_value == 1
    assert fail.enqueue("x").message == "x"
