"""Quick jobs are claimed by the hundred, slow ones alone."""

from hypothesis import given
from hypothesis import strategies as some

from django_convoy.core.pace import CLAIM_SECONDS, FULL_CLAIMS, LARGEST_CLAIM, Pace


def after(seconds: float, runs: int, pace: Pace | None = None) -> Pace:
    pace = pace or Pace()
    for _ in range(runs):
        pace.limit()
        pace.ran("a.b", seconds)
    return pace


def test_the_first_claim_takes_one():
    assert Pace().limit() == 1


def test_an_unseen_task_counts_as_slow():
    pace = after(0.0001, 50)
    assert pace.quick("a.b")
    assert not pace.quick("other")


def test_quick_jobs_are_claimed_by_the_hundred():
    assert after(0.0001, 200).limit() == LARGEST_CLAIM


def test_slow_jobs_are_claimed_alone():
    assert after(2.0, 5).limit() == 1


def test_claims_grow_step_by_step():
    pace = after(0.0001, 200)
    assert after(1.0, 3, pace).limit() == 1
    for _ in range(200):
        pace.ran("a.b", 0.0001)
    limits = [pace.limit() for _ in range(6)]
    assert limits == sorted(limits)
    assert limits[0] <= 4


def test_one_slow_run_makes_a_task_slow_at_once_and_it_has_to_earn_its_way_back():
    pace = after(0.0001, 50)
    pace.ran("a.b", 1.0)
    assert not pace.quick("a.b")
    assert not after(0.0001, 5, pace).quick("a.b")
    assert after(0.0001, 50, pace).quick("a.b")


def test_claims_grow_while_there_is_more_than_enough_and_outcomes_wait_longer_then():
    pace = after(0.001, 200)
    usual, hold = pace.limit(), pace.hold
    assert usual * 0.001 <= CLAIM_SECONDS
    for _ in range(FULL_CLAIMS):
        pace.claimed(usual, usual)
    pace.limit()
    assert pace.limit() > 3 * usual
    assert pace.hold > hold
    pace.claimed(usual, pace.limit())  # fewer than asked for
    assert pace.limit() == usual
    assert pace.hold == hold


def test_slow_jobs_claimed_alone_do_not_say_that_there_is_more_than_enough():
    pace = after(0.3, 5)
    for _ in range(FULL_CLAIMS + 1):
        pace.claimed(1, 1)
    assert pace.limit() == 1
    assert pace.hold < CLAIM_SECONDS


@given(some.lists(some.floats(0, 1e6)))
def test_a_claim_takes_at_least_one_and_never_too_many(times):
    pace = Pace()
    for seconds in times:
        pace.ran("a.b", seconds)
        assert 1 <= pace.limit() <= LARGEST_CLAIM
