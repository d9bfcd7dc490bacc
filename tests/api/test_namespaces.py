"""Two sites that share a database, a queue's name and a key never touch each other's jobs."""

import pytest

from django_convoy import enqueue_many
from django_convoy.domain.errors import SignatureError
from django_convoy.framework import TaskResultDoesNotExist, task_backends
from django_convoy.runtime import runtime_of
from tests.api.tasks import add

BACKEND = "django_convoy.backend.ConvoyBackend"
SITES = ("default", "red", "blue")


@pytest.fixture(autouse=True)
def sites(settings, db):
    """Three aliases stand for three sites: none, "red" and "blue" as their namespaces."""
    settings.TASKS = {
        alias: {
            "BACKEND": BACKEND,
            "QUEUES": [],
            "OPTIONS": {"namespace": "" if alias == "default" else alias},
        }
        for alias in SITES
    }


def enqueued():
    return {alias: add.using(backend=alias).enqueue(1) for alias in SITES}


def test_a_claim_takes_only_its_own_sites_jobs(run_jobs):
    results = enqueued()
    for alias in SITES:
        assert run_jobs(alias) == [results[alias].id]


@pytest.mark.parametrize("over", [False, True])
def test_a_result_is_only_its_own_sites(run_jobs, over):
    results = enqueued()
    if over:
        for alias in SITES:
            run_jobs(alias)
    for alias in SITES:
        for other in SITES:
            if other == alias:
                assert task_backends[alias].get_result(results[alias].id).args == [1]
            else:
                with pytest.raises(TaskResultDoesNotExist):
                    task_backends[other].get_result(results[alias].id)


def test_a_job_that_is_moved_to_another_namespace_is_not_run(run_jobs):
    """The namespace is signed with the job."""
    result = add.using(backend="red").enqueue(1)
    envelope = runtime_of("red").shared.broker.find(result.id).envelope
    envelope.queue = "blue:default"
    with pytest.raises(SignatureError):
        runtime_of("blue").codec.open(envelope)


def test_counts_are_by_full_name():
    enqueued()
    broker = runtime_of("default").shared.broker
    assert set(broker.queues()) == {"default", "red:default", "blue:default"}
    assert all(counts.ready == 1 for counts in broker.queues().values())


def test_a_namespace_may_come_from_one_setting(settings):
    settings.CONVOY_NAMESPACE = "green"
    settings.TASKS = {"default": {"BACKEND": BACKEND}}
    result = add.enqueue(1)
    runtime = runtime_of("default")
    assert runtime.shared.broker.find(result.id).envelope.queue == "green:default"
    assert result.task.queue_name == "default"
    assert add.get_result(result.id).task.queue_name == "default"


def test_many_aliases_are_many_batches():
    jobs = [add.using(backend=alias).job(1) for alias in SITES]
    batches = enqueue_many(jobs)
    assert [len(batch) for batch in batches] == [1, 1, 1]
    for alias, batch in zip(SITES, batches, strict=True):
        assert task_backends[alias].get_result(batch[0]).args == [1]
