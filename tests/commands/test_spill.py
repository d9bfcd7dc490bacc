"""Commands know the jobs whose arguments are in a table, and take them along."""

import pytest

from django_convoy.framework import TaskResultStatus
from django_convoy.models import LiveJob, SpilledPayload
from django_convoy.outbox.spill import MARK
from tests.api.tasks import add
from tests.outbox.shelf import Shelf
from tests.working import work

pytestmark = pytest.mark.django_db(transaction=True)
BACKEND = {"BACKEND": "django_convoy.backend.ConvoyBackend", "QUEUES": []}
SHELF = {"name": "tests.outbox.shelf.Shelf", "max_body": 5_000}
LARGE = "x" * 9_000


@pytest.fixture(autouse=True)
def backends(settings):
    shelf = {"broker": SHELF, "outbox": {"spill": True}, "compress_above": None, "lease": 1}
    settings.TASKS = {
        "default": {**BACKEND, "OPTIONS": {"lease": 1, "compress_above": None}},
        "shelf": {**BACKEND, "OPTIONS": shelf},
    }
    Shelf.clear()
    yield
    Shelf.clear()


def move(convoy, source, target):
    answer = convoy("move", "--from", source, "--to", target)
    return answer.out + answer.err


def test_a_job_is_moved_whole_from_where_it_was_too_large(convoy):
    ids = [add.using(backend="shelf").enqueue(LARGE, one).id for one in ("a", "b")]
    Shelf.world.rows[ids[1]].wait("buried")
    assert SpilledPayload.objects.count() == 2
    assert move(convoy, "shelf", "default") == "2 jobs moved from 'shelf' to 'default'.\n"
    assert all(LARGE in job.payload for job in LiveJob.objects.all())
    assert not SpilledPayload.objects.exists()
    assert work("default") == [ids[0]]
    assert add.get_result(ids[0]).return_value == LARGE + "a"


def test_a_job_is_moved_to_where_it_is_too_large(convoy):
    job_id = add.enqueue(LARGE, "a").id
    assert move(convoy, "default", "shelf") == "1 job moved from 'default' to 'shelf'.\n"
    assert Shelf.world.rows[job_id].envelope.payload == MARK
    assert SpilledPayload.objects.get().backend == "shelf"
    assert work("shelf") == [job_id]
    assert add.using(backend="shelf").get_result(job_id).return_value == LARGE + "a"
    assert not SpilledPayload.objects.exists()


def test_a_job_without_its_arguments_stays_and_is_named(convoy):
    job_id = add.using(backend="shelf").enqueue(LARGE).id
    SpilledPayload.objects.all().delete()
    told = move(convoy, "shelf", "default")
    assert "are not in the table convoy_spilled" in told
    assert list(Shelf.world.rows) == [job_id]


def test_a_job_is_shown_with_its_arguments_and_cancelled(convoy):
    job_id = add.using(backend="shelf").enqueue(LARGE).id
    assert LARGE[:50] in convoy("job", job_id, "--backend", "shelf").out
    assert convoy("cancel", job_id, "--backend", "shelf").status == 0
    assert not SpilledPayload.objects.exists()
    found = add.using(backend="shelf").get_result(job_id)
    assert (found.status, found.args) == (TaskResultStatus.FAILED, [LARGE])


def test_the_doctor_counts_them(convoy):
    told = "1 job has its arguments in 'default': too large for the broker"
    assert told not in convoy("doctor").out
    add.using(backend="shelf").enqueue(LARGE)
    assert told in convoy("doctor").out
