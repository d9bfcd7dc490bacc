"""Task options that cannot work are refused when they are declared, in words."""

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from django_convoy.domain import options
from django_convoy.domain.backoff import Constant, Exponential, Linear
from django_convoy.domain.errors import InvalidOption
from django_convoy.domain.options import JobOptions, check_together, clean


def curve(failures):
    return failures * 2


WRONG = [
    ("retries", -1, "retries must be a whole number from 0 up, not -1"),
    ("retries", True, "retries must be a whole number from 0 up, not True"),
    ("retries", 1.0, "not 1.0"),
    ("retries", None, "not None"),
    ("crash_budget", 0, "crash_budget must be a whole number from 1 up, not 0"),
    ("timeout", 0, "timeout must be a timedelta or seconds above 0, not 0"),
    ("timeout", "5", "timeout must be a timedelta or seconds above 0, not '5'"),
    ("timeout", timedelta(-1), "timeout must be"),
    ("timeout", float("nan"), "timeout must be"),
    ("grace", -1, "grace must be a timedelta or seconds above 0"),
    ("keep", 1e300, "keep must be a timedelta or seconds above 0"),
    ("keep", 10**400, "keep must be"),
    ("expires", 0, "expires must be a timedelta or seconds above 0"),
    ("delivery", "exactly_once", "for exactly-once database work say atomic=True"),
    ("atomic", 1, "atomic must be True or False, not 1"),
    ("kill_on_stop", "no", "kill_on_stop must be True or False"),
    ("keep_result", None, "keep_result must be True or False"),
    ("retry_on", ["no.such.Error"], "retry_on: there is no exception 'no.such.Error'"),
    ("retry_on", int, "retry_on takes exception classes or their paths, not <class 'int'>"),
    ("give_up_on", "json.dumps", "give_up_on takes exception classes"),
    ("backoff", -1, "backoff must be seconds (not negative), one of constant, linear"),
    ("backoff", True, "backoff must be seconds"),
    ("backoff", "quadratic", "one of constant, linear, exponential, Constant()"),
    ("backoff", "no.such.curve", "backoff: there is no function 'no.such.curve'"),
    ("backoff", ["linear", {"stepp": 1}], "unexpected keyword argument 'stepp'"),
    ("backoff", ["linear", {"step": "1"}], "step of Linear must be a number from 0 to"),
    ("backoff", ["linear"], "backoff must be"),
    ("backoff", [["linear"], {}], "backoff must be"),
    ("backoff", float("inf"), "seconds of Constant must be a number from 0 to"),
    ("backoff", Exponential(limit=float("inf")), "limit of Exponential must be a number"),
    ("retrys", 1, "unknown task option 'retrys'; did you mean 'retries'?"),
]


@pytest.mark.parametrize(
    ("name", "value", "told"), WRONG, ids=[f"{w[0]}-{w[1]!r:.20}" for w in WRONG]
)
def test_what_cannot_work_is_refused_in_words(name, value, told):
    with pytest.raises(InvalidOption) as caught:
        clean(name, value)
    assert told in str(caught.value)


RIGHT = [
    ("retries", 3, 3),
    ("backoff", 5, Constant(5)),
    ("backoff", "linear", Linear()),
    ("backoff", ["exponential", {"base": 1}], Exponential(base=1)),
    ("backoff", curve, curve),
    ("backoff", f"{__name__}.curve", curve),
    ("retry_on", OSError, (OSError,)),
    ("retry_on", ["OSError", "json.JSONDecodeError"], (OSError, json.JSONDecodeError)),
    ("give_up_on", [], ()),
    ("timeout", timedelta(minutes=1), 60.0),
    ("timeout", None, None),
    ("grace", 0, 0.0),
    ("keep", 60, timedelta(minutes=1)),
    ("expires", 60, timedelta(minutes=1)),
    ("expires", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
    ("delivery", "at_most_once", "at_most_once"),
    ("atomic", True, True),
]


@pytest.mark.parametrize(
    ("name", "value", "read"), RIGHT, ids=[f"{r[0]}-{r[1]!r:.20}" for r in RIGHT]
)
def test_an_option_is_read_and_travels_with_a_job(name, value, read):
    assert clean(name, value) == read
    assert clean(name, json.loads(json.dumps(options.to_json(name, read)))) == read


def test_every_default_is_one_that_could_be_declared():
    for name in options.NAMES:
        assert clean(name, getattr(options.DEFAULTS, name)) == getattr(options.DEFAULTS, name)


@given(some.floats(allow_nan=True) | some.integers() | some.timedeltas())
def test_a_duration_is_refused_or_one_that_dates_can_count(value):
    try:
        found = options.seconds("timeout", value)
    except InvalidOption:
        return
    assert datetime.now(UTC) + timedelta(seconds=found) or found > 0


@pytest.mark.parametrize(
    ("given", "is_async", "told"),
    [
        ({"atomic": True}, True, "Write `def` instead of `async def`"),
        ({"atomic": True, "delivery": "at_most_once"}, False, "exclude each other"),
        ({"delivery": "at_most_once", "retries": 1}, False, "retries must stay 0"),
        ({"delivery": "at_most_once", "kill_on_stop": True}, False, "kill_on_stop runs the job"),
    ],
)
def test_options_that_contradict_each_other_are_refused(given, is_async, told):
    with pytest.raises(InvalidOption, match=told.replace("`", ".")):
        check_together(JobOptions(**given), is_async=is_async)
    check_together(JobOptions(), is_async=is_async)


class TestBackoff:
    """How long a job waits before its next attempt."""

    def test_constant(self):
        assert [Constant(3)(n) for n in (1, 2, 99)] == [3, 3, 3]

    def test_linear_grows_to_its_limit(self):
        assert [Linear(10, limit=25)(n) for n in (1, 2, 3, 4)] == [10, 20, 25, 25]

    def test_exponential_grows_to_its_limit(self):
        plain = Exponential(base=1, factor=3, limit=20, jitter=0)
        assert [plain(n) for n in (1, 2, 3, 4, 5)] == [1, 3, 9, 20, 20]

    @given(some.integers(1, sys.maxsize))
    def test_no_number_of_failures_is_too_many(self, failures):
        assert 0 <= Exponential()(failures) <= 3600 * 1.25
        assert Linear()(failures) <= 3600

    @given(some.integers(1, 30), some.floats(0, 1))
    def test_jitter_spreads_evenly_around_the_wait(self, failures, jitter):
        wait = Exponential(jitter=0)(failures)
        assert abs(Exponential(jitter=jitter)(failures) - wait) <= wait * jitter + 1e-6
