"""What follows from an error or a death; only the guilty are charged."""

import pytest

from django_convoy.core.retry import Death, after_death, after_error
from django_convoy.domain import clock
from django_convoy.domain.backoff import Constant
from django_convoy.domain.envelope import Envelope, Lease, Note
from django_convoy.domain.options import JobOptions
from django_convoy.domain.outcome import Failed, Interrupted, Quarantined, Retry

GUILTY, INNOCENT = Death("killed by signal 9", guilty=True), Death("its host went", guilty=False)


def lease(**note) -> Lease:
    return Lease(Envelope("a", "q", "t", "", "", "", 0, clock.now()), "t", 1, Note(**note))


def options(**given) -> JobOptions:
    return JobOptions(**{"retries": 2, "backoff": Constant(7), **given})


@pytest.mark.parametrize(
    ("given", "failures", "error", "kind"),
    [
        ({}, 0, ValueError(), Retry),
        ({}, 1, ValueError(), Retry),
        ({}, 2, ValueError(), Failed),
        ({"retries": 0}, 0, ValueError(), Failed),
        ({"retry_on": (OSError,)}, 0, ValueError(), Failed),
        ({"retry_on": (OSError,)}, 0, ConnectionResetError(), Retry),
        ({"give_up_on": (ValueError,)}, 0, UnicodeError(), Failed),
        ({"retry_on": (OSError,), "give_up_on": (FileNotFoundError,)}, 0, OSError(), Retry),
        (
            {"retry_on": (OSError,), "give_up_on": (FileNotFoundError,)},
            0,
            FileNotFoundError(),
            Failed,
        ),
        ({}, 0, SystemExit(1), Failed),
        ({}, 0, KeyboardInterrupt(), Failed),
        ({"retry_on": (BaseException,)}, 0, SystemExit(1), Retry),
    ],
)
def test_an_error_is_retried_as_the_options_say(given, failures, error, kind):
    judged = after_error(lease(failures=failures), options(**given), error)
    assert isinstance(judged, kind)
    assert judged.error.exception_class_path.endswith(type(error).__name__)
    if kind is Retry:
        assert judged.delay == 7


def test_a_backoff_is_told_how_many_failures_there_were():
    told = []
    given = options(retries=9, backoff=lambda failures: told.append(failures) or 1.0)
    for failures in (0, 1, 5):
        after_error(lease(failures=failures), given, ValueError())
    assert told == [1, 2, 6]


def test_a_backoff_below_zero_means_at_once():
    assert after_error(lease(), options(backoff=lambda n: -5), ValueError()).delay == 0


@pytest.mark.parametrize("curve", [lambda n: 1 / 0, lambda n: "soon", lambda n: None])
def test_a_backoff_that_breaks_fails_the_job_and_says_why(curve):
    judged = after_error(lease(), options(backoff=curve), ValueError())
    assert isinstance(judged, Failed)
    assert "raised by the task's backoff" in judged.error.traceback


def test_who_is_not_guilty_runs_again_at_once_and_is_not_charged():
    judged = after_death(lease(crashes=2), options(crash_budget=3), INNOCENT)
    assert judged == Interrupted("its host went", 0.0, crash=False)


def test_the_guilty_waits_longer_each_time_and_ends_in_quarantine():
    judged = [after_death(lease(crashes=n), options(crash_budget=4), GUILTY) for n in range(5)]
    assert [(one.delay, one.crash) for one in judged[:3]] == [(0.1, True), (0.2, True), (0.4, True)]
    assert [type(one) for one in judged[3:]] == [Quarantined, Quarantined]
    assert judged[3].reason == (
        "took its worker down 4 times (killed by signal 9); see crash_budget"
    )


@pytest.mark.parametrize("crashes", [9, 100, 100_000])
def test_the_pause_after_a_crash_has_an_end(crashes):
    judged = after_death(lease(crashes=crashes), options(crash_budget=10**6), GUILTY)
    assert judged.delay == 30


def test_a_budget_of_one_forgives_nothing():
    judged = after_death(lease(), options(crash_budget=1), GUILTY)
    assert judged.reason.startswith("took its worker down once")


@pytest.mark.parametrize("death", [GUILTY, INNOCENT])
def test_at_most_once_does_not_run_again(death):
    judged = after_death(lease(), options(retries=0, delivery="at_most_once"), death)
    assert isinstance(judged, Failed)
    assert judged.error.exception_class_path == "django_convoy.domain.errors.WorkerDied"
    assert judged.error.message == death.reason
