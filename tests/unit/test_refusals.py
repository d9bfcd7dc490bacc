"""What a user's own values can break, and what is said of it."""

from datetime import UTC, datetime

import pytest

from django_convoy.core.execution import prepare
from django_convoy.core.retry import LONGEST_WAIT, after_error
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease
from django_convoy.domain.options import JobOptions
from django_convoy.domain.outcome import Failed, Released, Retry
from django_convoy.framework import InvalidTask
from tests.app.tasks import add

AT = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = Lease(Envelope("0" * 32, "default", "t.f", "{}", "1j-:", "key", 0, AT), "token", 1, NO_NOTE)


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), "soon", None])
def test_a_backoff_that_is_no_time_fails_the_job_and_is_named(seconds):
    options = JobOptions(retries=3, backoff=lambda failures: seconds)
    outcome = after_error(LEASE, options, ValueError("the body's"))
    assert isinstance(outcome, Failed)
    assert "backoff" in outcome.error.traceback


def test_a_backoff_beyond_all_dates_is_bounded():
    options = JobOptions(retries=3, backoff=lambda failures: 1e300)
    outcome = after_error(LEASE, options, ValueError())
    assert isinstance(outcome, Retry)
    assert outcome.delay == LONGEST_WAIT


def test_arguments_that_cannot_be_loaded_now_are_loaded_later():
    class Away:
        def open(self, envelope):
            raise ConnectionError("the database is away")

    outcome = prepare(LEASE, Away(), lambda path: None)
    assert isinstance(outcome, Released)
    assert "the database is away" in outcome.reason


@pytest.mark.parametrize("queue", ["a:b", "two words", "", "q" * 101])
def test_a_queue_that_cannot_be_stored_is_refused_where_none_is_declared(queue):
    with pytest.raises(InvalidTask, match="cannot be a queue"):
        add.using(queue_name=queue)
