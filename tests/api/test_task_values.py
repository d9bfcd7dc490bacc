"""A task is a value: callable, picklable, copyable, hashable."""

import copy
import pickle
from datetime import timedelta

import pytest

from tests.api import tasks
from tests.api.tasks import add, contextual, later


def test_a_call_runs_the_function_here():
    assert add(1, b=2) == 3
    assert add.call(1, b=2) == 3
    assert later.call(4) == 4


@pytest.mark.parametrize("name", ["add", "rich", "contextual", "later", "plain"])
def test_a_task_survives_pickling_and_copying(name):
    task = getattr(tasks, name)
    for other in (task, task.using(retries=2, run_after=timedelta(seconds=9), timeout=3)):
        for again in (pickle.loads(pickle.dumps(other)), copy.deepcopy(other), copy.copy(other)):
            assert again == other
            assert again.func is task.func
            assert again.overrides == other.overrides


def test_a_tasks_pickle_names_the_function_and_does_not_contain_it():
    assert b"tests.api.tasks.add" in pickle.dumps(add)


def test_a_task_is_hashable():
    assert len({add, add.using(), add.using(priority=1), contextual}) == 3


def test_a_task_is_shown_with_what_it_says_and_no_more():
    assert repr(add) == "<Task tests.api.tasks.add>"
    some = add.using(timeout=3, retries=2, queue_name="mail", run_after=timedelta(seconds=9))
    assert repr(some) == (
        "<Task tests.api.tasks.add queue_name='mail' delay=datetime.timedelta(seconds=9) "
        "retries=2 timeout=3.0>"
    )


@pytest.mark.django_db
def test_a_result_is_shown_with_its_job_and_how_it_stands():
    result = add.using(retries=2).enqueue("secret")
    assert repr(result) == f"<ConvoyResult {result.id}: tests.api.tasks.add, READY>"


@pytest.mark.django_db
def test_a_result_survives_pickling_and_copying():
    result = add.using(retries=2).enqueue(1, b=2)
    assert pickle.loads(pickle.dumps(result)) == result
    assert copy.deepcopy(result) == result
