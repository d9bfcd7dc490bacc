"""Jobs that only one process can see: a worker says so instead of waiting for ever."""

import pytest
from django.core.management import CommandError

from tests.api.tasks import add, fail
from tests.commands.test_status import use

UNSHARED = pytest.mark.parametrize("name", ["memory", "sync", "debug-web"])


@pytest.fixture(autouse=True)
def urls(settings):
    settings.ROOT_URLCONF = "tests.web.urls"


@UNSHARED
@pytest.mark.django_db
def test_a_worker_is_refused(convoy, settings, name):
    use(settings, broker=name)
    with pytest.raises(CommandError, match=f"has the broker '{name}': only the process .*would"):
        convoy("worker", "--burst")


@UNSHARED
@pytest.mark.django_db
def test_the_doctor_says_so(convoy, settings, name):
    use(settings, broker=name)
    found = convoy("doctor", "--json").data
    (text,) = [one["text"] for one in found["findings"] if one["about"] == "broker"]
    assert "only the process that enqueues a job can see it" in text
    assert found["capabilities"]["default"]["shared"] is False


@pytest.mark.django_db
def test_a_job_that_ran_at_enqueue_is_shown_and_not_put_back(convoy, settings):
    use(settings, broker="sync")
    assert convoy("job", add.enqueue(1, 2).id, "--json").data["result"] == 3
    failed = fail.enqueue("x").id
    answer = convoy("retry", failed)
    assert answer.status == 1
    assert "enqueue its task again" in answer.err
    assert convoy("job", failed, "--json").data["state"] == "FAILED"
