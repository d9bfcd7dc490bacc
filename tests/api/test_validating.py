"""A task is validated once, and anew when its backend's options, queues or abilities are others."""

from datetime import UTC, datetime

import pytest

from django_convoy.framework import BaseTaskBackend, InvalidTask
from tests.api.tasks import add, later
from tests.api.test_settings import use

LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def looks(monkeypatch):
    """The tasks that Django's own validation looked at."""
    seen, validate = [], BaseTaskBackend.validate_task

    def look(self, task):
        seen.append(task)
        validate(self, task)

    monkeypatch.setattr(BaseTaskBackend, "validate_task", look)
    return seen


@pytest.mark.django_db
def test_once_is_enough(looks):
    task = add.using()
    for number in range(3):
        task.enqueue(number)
    task.enqueue_many(range(3))
    assert looks == [task]


@pytest.mark.django_db
@pytest.mark.parametrize("said", ["supports_defer", "supports_priority", "supports_async_task"])
def test_a_backend_that_can_less_refuses_what_it_took(monkeypatch, said):
    task = later.using(priority=1, run_after=LATER)
    task.enqueue(1)
    backend = task.get_backend()
    monkeypatch.setattr(backend, said, False)
    for _ in range(2):
        with pytest.raises(InvalidTask):
            task.enqueue(1)
    monkeypatch.setattr(backend, said, True)
    task.enqueue(1)


@pytest.mark.django_db
def test_changed_settings_refuse_what_others_took(settings):
    task = add.using(priority=3)
    task.enqueue(1)
    use(settings, queues=["mail"])
    with pytest.raises(InvalidTask, match="QUEUES"):
        task.enqueue(1)
    use(settings, broker={"name": "sqs", "region": "x"})
    with pytest.raises(InvalidTask, match="priorit"):
        task.enqueue(1)
    use(settings)
    task.enqueue(1)


@pytest.mark.django_db
def test_a_naive_time_is_refused_where_times_are_aware(settings):
    settings.USE_TZ = False
    task = add.using(run_after=LATER.replace(tzinfo=None))
    task.enqueue(1)
    settings.USE_TZ = True
    with pytest.raises(InvalidTask, match="aware"):
        task.enqueue(1)
    with pytest.raises(InvalidTask, match="aware"):
        add.using().using(run_after=LATER.replace(tzinfo=None)).enqueue(1)
