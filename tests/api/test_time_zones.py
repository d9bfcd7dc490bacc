"""A site with USE_TZ=False has naive local times; the store has UTC all the same."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from django_convoy.runtime import runtime_of
from tests.api.tasks import add, echo

NOON = datetime(2030, 7, 1, 12)
IN_UTC = datetime(2030, 7, 1, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def paris(settings):
    settings.TIME_ZONE = "Europe/Paris"
    settings.USE_TZ = False


@pytest.mark.django_db
def test_times_are_naive_and_local_outside_and_utc_inside():
    with time_machine.travel(IN_UTC, tick=False):
        result = add.using(run_after=NOON + timedelta(hours=1)).enqueue(1)
    assert result.enqueued_at == NOON
    held = runtime_of("default").shared.broker.find(result.id)
    assert held.envelope.enqueued_at == IN_UTC
    assert held.wake_at == IN_UTC + timedelta(hours=1)
    found = add.get_result(result.id)
    assert found == result
    assert found.task.run_after == NOON + timedelta(hours=1)


def test_a_finished_job_has_naive_local_times(run_jobs):
    with time_machine.travel(IN_UTC, tick=False):
        result = add.enqueue(1)
        run_jobs()
    result.refresh()
    assert result.started_at == result.finished_at == NOON


@pytest.mark.django_db
def test_an_aware_time_is_taken_as_well():
    result = add.using(run_after=IN_UTC).enqueue(1)
    assert runtime_of("default").shared.broker.find(result.id).wake_at == IN_UTC
    assert add.get_result(result.id).task.run_after == NOON


@pytest.mark.django_db
def test_a_span_counts_from_now():
    with time_machine.travel(IN_UTC, tick=False):
        result = add.using(run_after=timedelta(minutes=1)).enqueue(1)
    assert result.task.run_after == NOON + timedelta(minutes=1)


def test_an_expiry_is_local_too(run_jobs):
    with time_machine.travel(IN_UTC, tick=False):
        kept = add.using(expires=NOON + timedelta(minutes=1)).enqueue(1)
        gone = add.using(expires=NOON - timedelta(minutes=1)).enqueue(1)
        run_jobs()
    assert add.get_result(kept.id).return_value == 1
    assert add.get_result(gone.id).detail == "CANCELLED"


def test_naive_times_as_arguments_stay_naive(run_jobs):
    result = echo.enqueue(NOON)
    assert echo.get_result(result.id).args == [NOON]
