"""What `enqueue()` and `get_result()` return, while a job waits and when it is over."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connections

from django_convoy import ConfigurationError, ResultTimeout, TaskNotFound
from django_convoy.contracts.broker import Counts
from django_convoy.framework import TaskResultDoesNotExist, TaskResultMismatch, TaskResultStatus
from django_convoy.framework import task_backends as backends
from django_convoy.runtime import runtime_of
from tests.api.tasks import add, contextual, echo, fail, later, plain, rich, spoil

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)


@pytest.mark.django_db
def test_a_job_that_waits():
    with time_machine.travel(NOON, tick=False):
        result = add.enqueue(1, b=2)
    assert result.status == TaskResultStatus.READY
    assert not result.is_finished
    assert (result.args, result.kwargs) == ([1], {"b": 2})
    assert (result.enqueued_at, result.started_at, result.finished_at) == (NOON, None, None)
    assert (result.attempts, result.errors, result.worker_ids) == (0, [], [])
    assert (result.detail, result.waiting, result.message) == ("", "", "")
    with pytest.raises(ValueError, match="not finished"):
        _ = result.return_value


def test_a_job_that_succeeded(run_jobs):
    result = add.enqueue(1, b=2)
    run_jobs()
    result.refresh()
    assert result.status == TaskResultStatus.SUCCESSFUL
    assert result.return_value == 3
    assert result.worker_ids == ["tester"]
    assert result.attempts == 1
    assert result.enqueued_at <= result.started_at <= result.finished_at
    assert add.get_result(result.id) == result


def test_a_job_that_failed(run_jobs):
    result = fail.enqueue("no luck")
    run_jobs()
    result.refresh()
    assert result.status == TaskResultStatus.FAILED
    assert result.message == "no luck"
    (error,) = result.errors
    assert error.exception_class is ValueError
    assert error.attempt == 1
    assert "no luck" in error.traceback
    assert error.at.tzinfo is not None
    with pytest.raises(ValueError, match="failed"):
        _ = result.return_value


def test_an_atomic_job_that_cannot_commit_in_the_callers_transaction_is_recorded(run_jobs):
    result = spoil.enqueue()
    run_jobs()
    result.refresh()
    assert result.status == TaskResultStatus.FAILED
    assert runtime_of("default").shared.broker.counts("default") == Counts()


def test_a_job_that_will_be_tried_again_waits_and_says_why(run_jobs):
    result = fail.using(retries=1, backoff=60).enqueue("no luck")
    run_jobs()
    result.refresh()
    assert result.status == TaskResultStatus.READY
    assert result.message == "no luck"
    assert result.attempts == 1


def test_async_tasks_and_contexts(run_jobs):
    first, second = later.enqueue(5), contextual.enqueue("word")
    run_jobs()
    assert later.get_result(first.id).return_value == 5
    assert contextual.get_result(second.id).return_value == [
        1,
        "tests.api.tasks.contextual",
        "word",
    ]


def test_a_task_of_djangos_own_decorator_runs(run_jobs):
    result = plain.enqueue("x")
    run_jobs()
    result.refresh()
    assert result.return_value == "x"


def test_a_value_that_is_not_kept_reads_none(run_jobs):
    result = rich.enqueue("x")
    run_jobs()
    result.refresh()
    assert result.status == TaskResultStatus.SUCCESSFUL
    assert result.return_value is None


def test_arguments_and_values_come_back_as_they_went_in(run_jobs):
    given = {"at": NOON, "day": NOON.date(), "$": 1, "text": "naïve 日本 🚚", "none": None}
    result = echo.enqueue(given, *[[1.5, True]], key={"b": b"\x00\xff"})
    run_jobs()
    found = echo.get_result(result.id)
    assert found.args == [given, [1.5, True]]
    assert found.kwargs == {"key": {"b": b"\x00\xff"}}
    assert found.return_value == [[given, [1.5, True]], {"key": {"b": b"\x00\xff"}}]


@pytest.mark.parametrize("bad", ["", "x", "0" * 32, "0" * 33, "0" * 500, "a'b\x00", None, 7])
@pytest.mark.django_db
def test_an_id_that_is_none_does_not_exist(bad):
    with pytest.raises(TaskResultDoesNotExist):
        add.get_result(bad)


@pytest.mark.django_db(transaction=True)
def test_an_id_that_is_none_does_not_exist_asynchronously():
    with pytest.raises(TaskResultDoesNotExist):
        asyncio.run(add.aget_result("123"))


def test_another_tasks_id_is_a_mismatch(run_jobs):
    result = add.enqueue(1)
    for _ in range(2):
        with pytest.raises(TaskResultMismatch):
            echo.get_result(result.id)
        run_jobs()


@pytest.mark.django_db
def test_a_result_whose_code_is_gone_says_so(monkeypatch):
    result = add.enqueue(1)
    monkeypatch.delattr("tests.api.tasks.add")
    with pytest.raises(TaskNotFound, match=r"tests\.api\.tasks\.add"):
        backends["default"].get_result(result.id)


@pytest.mark.django_db
def test_waiting_ends_with_the_time_given():
    result = add.enqueue(1)
    with pytest.raises(ResultTimeout, match=result.id) as caught:
        result.wait(timeout=0.05)
    assert isinstance(caught.value, TimeoutError)
    assert result.status == TaskResultStatus.READY
    with pytest.raises(ResultTimeout):
        result.wait(timeout=0)


def test_a_finished_result_is_returned_without_waiting(run_jobs):
    result = add.enqueue(2)
    run_jobs()
    assert result.wait(timeout=0).return_value == 2
    assert result.wait() is result


@pytest.mark.django_db(transaction=True)
def test_waiting_ends_when_the_job_does(run_jobs):
    result = add.enqueue(2)

    def worker():
        try:
            run_jobs()
        finally:
            connections.close_all()

    thread = threading.Thread(target=worker)
    thread.start()
    try:
        assert result.wait(timeout=30).return_value == 2
    finally:
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_waiting_in_async_code(run_jobs):
    result = add.enqueue(2)
    run_jobs()
    assert asyncio.run(result.await_(timeout=30)).return_value == 2
    other = add.enqueue(2)
    with pytest.raises(ResultTimeout):
        asyncio.run(other.await_(timeout=0.05))


@pytest.mark.django_db
def test_waiting_is_refused_where_results_are_not_kept(settings):
    settings.TASKS = {"default": {**settings.TASKS["default"], "OPTIONS": {"store": "none"}}}
    with pytest.raises(ConfigurationError, match="keeps no results"):
        add.enqueue(1).wait(timeout=1)


def test_results_in_a_cache(settings, run_jobs):
    settings.TASKS = {"default": {**settings.TASKS["default"], "OPTIONS": {"store": "cache"}}}
    good, bad = add.enqueue(1, b=1), fail.enqueue("x")
    run_jobs()
    assert add.get_result(good.id).return_value == 2
    assert fail.get_result(bad.id).status == TaskResultStatus.FAILED
    # A cache forgets, so what failed is kept by the broker as well.
    assert runtime_of("default").shared.broker.counts("default").buried == 1


def test_a_job_that_failed_where_nothing_is_kept_is_still_visible(settings, run_jobs):
    settings.TASKS = {"default": {**settings.TASKS["default"], "OPTIONS": {"store": "none"}}}
    result = fail.enqueue("x")
    run_jobs()
    found = fail.get_result(result.id)
    assert (found.status, found.detail) == (TaskResultStatus.FAILED, "BURIED")
    assert found.message == "x"
