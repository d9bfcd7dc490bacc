"""What the broker and the store are told of each outcome."""

from datetime import timedelta

import pytest

from django_convoy.contracts.store import CANCELLED, FAILED, QUARANTINED, SUCCESSFUL
from django_convoy.core.settling import conclude
from django_convoy.domain import clock
from django_convoy.domain.envelope import Envelope, Lease, Note
from django_convoy.domain.options import JobOptions
from django_convoy.domain.outcome import (
    Cancelled,
    Error,
    Failed,
    Interrupted,
    Quarantined,
    Released,
    Retry,
    Succeeded,
)
from django_convoy.domain.verdict import DONE, Again, Bury

BEGAN, ENDED = clock.now() - timedelta(seconds=5), clock.now()
BEFORE = Note(errors=({"message": "first"},), workers=("w1",), failures=1, crashes=1, releases=2)
ERROR = Error("builtins.ValueError", "no", "Traceback", 2, ENDED.isoformat())


def end(outcome, note=BEFORE, started_at=BEGAN, **options):
    durable = options.pop("durable", True)
    lease = Lease(Envelope("a", "q", "t", "{}", "s", "k", 0, BEGAN), "token", 2, note)
    return conclude(
        lease,
        outcome,
        worker="w2",
        started_at=started_at,
        finished_at=ENDED,
        options=JobOptions(**options),
        durable=durable,
    )


OVER = [
    (Succeeded("42"), SUCCESSFUL),
    (Failed(ERROR), FAILED),
    (Cancelled(ERROR), CANCELLED),
    (Quarantined("took its worker down"), QUARANTINED),
]


@pytest.mark.parametrize(("outcome", "status"), OVER)
def test_a_job_that_is_over_is_forgotten_by_the_broker_and_kept_by_the_store(outcome, status):
    conclusion = end(outcome, keep=timedelta(days=1))
    record = conclusion.record
    assert conclusion.verdict is DONE
    assert (record.status, record.attempt, record.keep) == (status, 2, timedelta(days=1))
    assert (record.started_at, record.finished_at) == (BEGAN, ENDED)
    assert record.worker == "w2"
    assert record.result == ("42" if status == SUCCESSFUL else None)
    assert record.note.errors[0] == {"message": "first"}


@pytest.mark.parametrize(("outcome", "status"), OVER)
def test_where_failures_are_not_kept_the_broker_sets_them_aside(outcome, status):
    conclusion = end(outcome, durable=False)
    if status == SUCCESSFUL:
        assert conclusion.verdict is DONE
    else:
        assert isinstance(conclusion.verdict, Bury)
        assert conclusion.verdict.note.workers == ("w1", "w2")
        assert len(conclusion.verdict.note.errors) == 2


def test_a_job_that_never_ran_names_no_worker():
    record = end(Cancelled(ERROR), note=Note(), started_at=None).record
    assert (record.worker, record.started_at, record.note.workers) == ("", None, ())


def test_a_retry_remembers_what_went_wrong():
    conclusion = end(Retry(ERROR, 9.0))
    assert conclusion.record is None
    verdict = conclusion.verdict
    assert isinstance(verdict, Again)
    assert (verdict.delay, verdict.refund) == (9.0, False)
    note = verdict.note
    assert (note.failures, note.crashes, note.workers) == (2, 1, ("w1", "w2"))
    assert [one["message"] for one in note.errors] == ["first", "no"]
    assert (note.ended, note.releases) == ("builtins.ValueError: no", 0)


def test_a_release_costs_nothing_and_says_what_it_waits_for():
    verdict = end(Released("newer code", 4.0), started_at=None).verdict
    assert (verdict.delay, verdict.refund) == (4.0, True)
    note = verdict.note
    assert (note.waiting, note.releases, note.failures) == ("newer code", 3, 1)
    assert note.workers == ("w1",)


def test_a_job_that_is_given_back_for_no_reason_of_its_own_remembers_nothing_of_it():
    verdict = end(Released("", 0.0), started_at=None).verdict
    assert (verdict.refund, verdict.note) == (True, BEFORE)


@pytest.mark.parametrize("crash", [False, True])
def test_an_interruption_counts_an_attempt_and_a_crash_if_it_was_one(crash):
    note = Note(suspect=True, waiting="x", crashes=1)
    verdict = end(Interrupted("its worker died", 2.0, crash=crash), note=note).verdict
    assert (verdict.delay, verdict.refund) == (2.0, False)
    assert (verdict.note.crashes, verdict.note.suspect) == (1 + crash, False)
    assert (verdict.note.ended, verdict.note.waiting) == ("its worker died", "")
    assert verdict.note.failures == 0


def test_one_of_several_that_may_have_crashed_is_suspect():
    verdict = end(Interrupted("one of them did it", 0.0, crash=False, suspect=True)).verdict
    assert verdict.note.suspect


def test_the_first_start_is_remembered_over_runs():
    first = end(Retry(ERROR, 0.0), note=Note()).verdict.note.started_at
    assert first == BEGAN.isoformat()
    assert end(Retry(ERROR, 0.0), note=Note(started_at="long ago")).verdict.note.started_at == (
        "long ago"
    )


class TestErrors:
    """An exception is described whatever its own code does."""

    def test_it_has_its_path_message_and_traceback(self):
        try:
            raise KeyError("x")
        except KeyError as error:
            described = Error.of(error, 3)
        assert (described.exception_class_path, described.message) == ("builtins.KeyError", "'x'")
        assert "test_settling.py" in described.traceback
        assert described.attempt == 3

    def test_one_that_cannot_be_shown_is_described_anyway(self):
        class Broken(Exception):
            def __str__(self):
                raise ZeroDivisionError

        described = Error.of(Broken(), 1)
        assert "cannot be shown" in described.message
        assert described.exception_class_path.endswith("Broken")

    def test_a_long_one_is_cut_in_the_middle(self):
        described = Error.of(ValueError("x" * 10**6), 1)
        assert len(described.message) == 2000
        assert len(described.traceback) < 21_000
        assert "characters ..." in described.traceback
