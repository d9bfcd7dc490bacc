"""In a backend that is not Convoy's nothing that a task asks for is silently left out."""

from datetime import timedelta

import pytest

from django_convoy import InvalidOption, Job, enqueue_many, task
from django_convoy.framework import (
    DummyBackend,
    ImmediateBackend,
    InvalidTask,
    TaskResultStatus,
    task_backends,
)
from tests.api import tasks
from tests.api.tasks import add, plain, rich

DOUBLES = "django_convoy.testing.doubles"


def entry(kind):
    return {"BACKEND": f"{kind.__module__}.{kind.__qualname__}", "QUEUES": []}


@pytest.fixture(params=[ImmediateBackend, DummyBackend])
def foreign(request, settings):
    """One of Django's own doubles, as sites have it in their tests."""
    settings.TASKS = {"default": entry(request.param)}
    return task_backends["default"]


@pytest.fixture
def immediate(settings):
    settings.TASKS = {"default": entry(ImmediateBackend)}


def test_a_module_of_tasks_can_be_imported(foreign):
    made = task(retries=3, timeout=5, atomic=True)(tasks.fail.func)
    assert made.retries == 3


def test_a_promise_that_nobody_would_keep_is_refused_with_the_cure(foreign):
    some = add.using(retries=3, timeout=5)
    with pytest.raises(InvalidOption) as caught:
        some.enqueue(1)
    told = str(caught.value)
    assert isinstance(caught.value, InvalidTask)
    assert told.startswith("tests.api.tasks.add: TASKS['default'] is a ")
    assert type(foreign).__qualname__ in told
    assert "knows nothing of retries, timeout" in told
    assert DOUBLES in told
    with pytest.raises(InvalidOption, match="keep_result"):
        add.using(keep_result=False).enqueue_many([1])
    with pytest.raises(InvalidOption, match="retries"):
        enqueue_many([some.job(1)])


def test_what_holds_anyway_may_be_said(foreign):
    assert add.using(retries=0, timeout=None).enqueue(1).task.retries == 0


def test_a_delay_is_never_a_run_at_once(immediate):
    with pytest.raises(InvalidOption, match="knows nothing of run_after"):
        add.using(run_after=timedelta(hours=1)).enqueue(1)


def test_a_delay_is_a_time_where_times_are_known(settings):
    settings.TASKS = {"default": entry(DummyBackend)}
    result = add.using(run_after=timedelta(hours=1)).enqueue(1)
    assert result.task.run_after - result.enqueued_at == pytest.approx(
        timedelta(hours=1), abs=timedelta(seconds=5)
    )


def test_a_task_without_options_runs(immediate):
    assert add.enqueue(1, b=2).return_value == 3
    assert plain.enqueue("x").status == TaskResultStatus.SUCCESSFUL


def test_many_jobs_are_enqueued_one_by_one(foreign):
    batch = add.enqueue_many([(1, 2), {"a": 3}, add.job(4)])
    assert len(batch) == 3
    assert [result.id for result in batch.results()] == list(batch)
    assert [result.args for result in batch.results()] == [[1, 2], [], [4]]
    assert batch[0] == next(iter(batch))
    assert batch[1:] == list(batch)[1:]
    (other,) = enqueue_many([add.job(number) for number in range(1001)])
    assert len(other) == 1001


def test_djangos_own_tasks_may_be_among_many(immediate):
    (batch,) = enqueue_many([Job(plain, ("x",)), add.job(1)])
    assert [result.return_value for result in batch.results()] == ["x", 1]


def test_a_task_of_ours_may_go_there_for_a_call(settings):
    settings.TASKS = {**settings.TASKS, "other": entry(ImmediateBackend)}
    assert add.using(backend="other").enqueue(1).return_value == 1
    with pytest.raises(InvalidOption, match=r"TASKS\['other'\]"):
        rich.using(backend="other", priority=0).enqueue("x")
