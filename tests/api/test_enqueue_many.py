"""Many jobs in few statements, in the forms that are natural to write."""

import pytest
from django.db import transaction

from django_convoy import enqueue_many
from django_convoy.framework import InvalidTask
from django_convoy.runtime import runtime_of
from tests.api.tasks import add, echo, rich

pytestmark = pytest.mark.django_db


def calls(ids, alias="default"):
    runtime = runtime_of(alias)
    opened = [runtime.codec.open(runtime.shared.broker.find(one).envelope) for one in ids]
    return [(list(call.args), dict(call.kwargs)) for call in opened]


def waiting():
    return [held.envelope.id for held in runtime_of("default").shared.broker.jobs()]


def test_tuples_dicts_jobs_and_single_arguments():
    batch = echo.enqueue_many([(1, 2), {"a": 3}, echo.job(4, b=5), 6, "text", [7, 8], None])
    assert calls(batch) == [
        ([1, 2], {}),
        ([], {"a": 3}),
        ([4], {"b": 5}),
        ([6], {}),
        (["text"], {}),
        ([[7, 8]], {}),
        ([None], {}),
    ]


def test_a_batch_is_a_sequence_of_ids_in_order():
    batch = add.enqueue_many(range(5))
    assert len(batch) == 5
    assert list(batch) == sorted(batch) == waiting()
    assert batch[0] == next(iter(batch))
    assert batch[-1] == list(batch)[-1]
    assert batch[1:3] == list(batch)[1:3]
    assert batch[2] in batch
    assert repr(batch) == "<Batch of 5 jobs>"
    with pytest.raises(IndexError):
        batch[5]


def test_a_batch_reads_its_results_on_demand():
    batch = add.enqueue_many([(1, 2), (3, 4)])
    assert [result.args for result in batch.results()] == [[1, 2], [3, 4]]
    assert [result.id for result in batch.results()] == list(batch)


def test_nothing_is_a_batch_of_nothing():
    batch = add.enqueue_many([])
    assert len(batch) == 0
    assert list(batch.results()) == []
    assert enqueue_many([]) == []


def test_a_generator_is_read_once_and_in_constant_memory():
    batch = add.enqueue_many((number,) for number in range(2500))
    assert len(batch) == len(set(batch)) == 2500
    assert runtime_of("default").shared.broker.counts("default").ready == 2500


def test_a_thousand_jobs_are_one_statement_for_the_database(django_assert_max_num_queries):
    with django_assert_max_num_queries(4):  # begin or savepoint, insert, end
        add.enqueue_many([(1,)] * 1000)


def test_jobs_of_several_tasks_go_together():
    batches = enqueue_many([add.job(1), rich.job("x"), add.using(priority=5).job(2)])
    assert [len(batch) for batch in batches] == [3]
    assert calls(batches[0]) == [([1], {}), (["x"], {}), ([2], {})]
    found = [runtime_of("default").shared.broker.find(one).envelope for one in batches[0]]
    assert [one.queue for one in found] == ["default", "mail", "default"]
    assert [one.priority for one in found] == [0, 7, 5]


def test_jobs_of_several_backends_make_a_batch_each(settings):
    ours = settings.TASKS["default"]
    settings.TASKS = {"default": ours, "other": {**ours, "OPTIONS": {"namespace": "other"}}}
    there = add.using(backend="other")
    batches = enqueue_many([there.job(1), add.job(2), there.job(3)])
    assert [len(batch) for batch in batches] == [2, 1]
    assert calls(batches[0], "other") == [([1], {}), ([3], {})]
    assert [result.args for result in batches[0].results()] == [[1], [3]]
    assert calls(batches[1]) == [([2], {})]


def test_what_is_no_job_is_refused_by_name():
    with pytest.raises(InvalidTask, match=r"takes task\.job"):
        enqueue_many([add])


def test_a_task_takes_no_jobs_of_other_tasks_or_backends(settings):
    ours = settings.TASKS["default"]
    settings.TASKS = {"default": ours, "other": ours}
    for other in (echo, add.using(backend="other")):
        with pytest.raises(TypeError, match=r"go to django_convoy\.enqueue_many\(\)"):
            add.enqueue_many([1, other.job(2)])
    assert waiting() == []


def test_a_task_takes_jobs_of_its_own_with_other_options():
    batch = add.enqueue_many([add.using(priority=5).job(1), add.job(2)])
    found = [runtime_of("default").shared.broker.find(one).envelope for one in batch]
    assert [one.priority for one in found] == [5, 0]


def test_a_bad_argument_stores_nothing_of_its_thousand():
    with pytest.raises(TypeError):
        add.enqueue_many([(1,), (object(),)])
    assert waiting() == []


def test_a_task_that_may_not_go_there_stores_nothing(settings):
    some = add.using(queue_name="post")
    settings.TASKS = {"default": {**settings.TASKS["default"], "QUEUES": ["default"]}}
    with pytest.raises(InvalidTask, match="post"):
        enqueue_many([add.job(1), some.job(2)])
    assert waiting() == []


def test_all_or_nothing_in_a_transaction():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        add.enqueue_many([(1,)] * 1500)
        raise ZeroDivisionError
    assert waiting() == []
