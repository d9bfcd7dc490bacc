"""`.using()` takes every option for some calls, and what it says travels with the job."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from django_convoy import Constant, InvalidOption
from django_convoy.framework import InvalidTask
from django_convoy.runtime import runtime_of
from tests.api.tasks import add, echo, rich

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)


def live(result):
    return runtime_of("default").shared.broker.find(result.id)


def carried(result):
    """The options inside the signed job."""
    return dict(runtime_of("default").codec.open(live(result).envelope).options)


@pytest.mark.parametrize(
    ("option", "given", "kept", "written"),
    [
        ("retries", 4, 4, 4),
        ("backoff", 2, Constant(2.0), ["constant", {"seconds": 2.0}]),
        ("retry_on", OSError, (OSError,), ["builtins.OSError"]),
        ("give_up_on", ["ValueError"], (ValueError,), ["builtins.ValueError"]),
        ("timeout", timedelta(minutes=1), 60.0, 60.0),
        ("timeout", None, None, None),
        ("grace", 0, 0.0, 0.0),
        ("delivery", "at_most_once", "at_most_once", "at_most_once"),
        ("kill_on_stop", True, True, True),
        ("crash_budget", 1, 1, 1),
        ("keep", timedelta(days=1), timedelta(days=1), 86400.0),
        ("keep_result", False, False, False),
    ],
)
@pytest.mark.django_db
def test_every_option_may_be_given_for_a_call(option, given, kept, written):
    some = add.using(**{option: given})
    assert getattr(some, option) == kept
    assert carried(some.enqueue(1)) == {option: written}
    assert carried(add.enqueue(1)) == {}


@pytest.mark.django_db
def test_atomic_may_be_given_for_a_call():
    assert carried(add.using(atomic=True, timeout=2).enqueue(1)) == {"atomic": True, "timeout": 2.0}


@pytest.mark.django_db
def test_expiry_counts_from_the_enqueue():
    some = add.using(expires=60)
    with time_machine.travel(NOON, tick=False):
        assert carried(some.enqueue(1)) == {"expires": "2030-01-31T12:01:00+00:00"}
    assert carried(add.using(expires=NOON).enqueue(1)) == {"expires": "2030-01-31T12:00:00+00:00"}


class Local(Exception):
    """Importable: at a module's top level."""


def doubled(failures):
    return 2.0**failures


@pytest.mark.django_db
def test_functions_and_exceptions_travel_by_their_paths():
    some = add.using(backoff=doubled, retry_on=Local)
    assert carried(some.enqueue(1)) == {
        "backoff": "tests.api.test_using.doubled",
        "retry_on": ["tests.api.test_using.Local"],
    }


def test_what_no_worker_could_import_is_refused_for_a_call():
    class Inside(Exception):
        pass

    for options in ({"backoff": lambda failures: 1}, {"retry_on": Inside}):
        with pytest.raises(InvalidOption, match="cannot travel with a job; define it at a module"):
            add.using(**options)


def test_a_job_whose_function_is_not_in_this_code_waits(run_jobs, monkeypatch):
    result = add.using(backoff=doubled).enqueue(1)
    with monkeypatch.context() as patch:
        patch.delattr("tests.api.test_using.doubled")
        run_jobs()
    assert "newer code: backoff: there is no function" in live(result).note.waiting
    assert live(result).attempt == 0


@pytest.mark.django_db
def test_a_declared_option_does_not_travel():
    """It stays what the code says, also for jobs that wait while the code changes."""
    assert carried(rich.enqueue("x")) == {}
    assert carried(rich.using(retries=1).enqueue("x")) == {"retries": 1}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"retris": 1}, "did you mean 'retries'?"),
        ({"retries": None}, "not None"),
        ({"timeout": -1}, "timeout must be"),
        ({"delivery": "at_most_once", "retries": 1}, "retries must stay 0"),
    ],
)
def test_what_the_decorator_refuses_is_refused_here(options, words):
    with pytest.raises(InvalidOption) as caught:
        add.using(**options)
    assert words in str(caught.value)


@pytest.mark.django_db
def test_run_after_a_time():
    result = add.using(run_after=NOON).enqueue(1)
    assert result.task.run_after == NOON
    assert live(result).state == "delayed"
    assert live(result).wake_at == NOON
    assert add.get_result(result.id) == result


@pytest.mark.django_db
def test_run_after_a_span_counts_from_each_enqueue():
    soon = add.using(run_after=timedelta(minutes=5))
    for begin in (NOON, NOON + timedelta(hours=1)):
        with time_machine.travel(begin, tick=False):
            result = soon.enqueue(1)
        assert live(result).envelope.due == begin + timedelta(minutes=5)
        assert result.task.run_after == begin + timedelta(minutes=5)
        assert add.get_result(result.id) == result


@pytest.mark.django_db
def test_run_after_none_means_now():
    for some in (add.using(run_after=NOON), add.using(run_after=timedelta(hours=1))):
        result = some.using(run_after=None).enqueue(1)
        assert live(result).state == "ready"
    assert add.using(run_after=NOON).using(priority=1).run_after == NOON


@pytest.mark.django_db
def test_a_time_that_has_passed_is_now():
    result = add.using(run_after=datetime(2020, 1, 1, tzinfo=UTC)).enqueue(1)
    broker = runtime_of("default").shared.broker
    (lease,) = broker.claim(["default"], limit=9, lease=9, worker="w")
    assert lease.id == result.id


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(InvalidTask, match="aware"):
        add.using(run_after=NOON.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"run_after": 5}, "run_after must be a datetime or a timedelta, not 5"),
        ({"run_after": "tomorrow"}, "or a timedelta, not 'tomorrow'"),
        ({"run_after": timedelta(days=999_999)}, "run_after is more than a thousand years away"),
        ({"expires": "soon"}, "expires must be"),
        ({"priority": "high"}, "priority must be a whole number"),
        ({"takes_context": True}, "say it in its decorator, @task(takes_context=...)"),
        ({"run_aftr": NOON}, "did you mean 'run_after'?"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(options, words):
    with pytest.raises(InvalidOption) as caught:
        add.using(**options)
    assert words in str(caught.value)
    assert str(caught.value).count("tests.api.tasks.add") <= 1


def test_an_expiry_without_a_zone_is_refused():
    with pytest.raises(InvalidOption, match="expires must be an aware datetime"):
        add.using(expires=NOON.replace(tzinfo=None))


@pytest.mark.django_db
def test_queue_and_priority_travel_with_the_job():
    result = rich.using(queue_name="post", priority=-3).enqueue("x")
    envelope = live(result).envelope
    assert (envelope.queue, envelope.priority) == ("post", -3)
    known = rich.get_result(result.id).task
    assert (known.queue_name, known.priority) == ("post", -3)


def test_using_nothing_is_an_equal_task():
    assert add.using() == add
    assert add.using() is not add
    assert add.using(retries=1) != add


@pytest.mark.django_db
def test_a_keyword_of_the_function_may_be_named_like_an_option(run_jobs):
    result = echo.enqueue(timeout=1, queue_name="x", run_after=None)
    run_jobs()
    result.refresh()
    assert result.return_value == [[], {"timeout": 1, "queue_name": "x", "run_after": None}]
