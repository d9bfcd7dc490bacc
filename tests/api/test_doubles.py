"""A site's tests may run without database and worker, and still refuse what would fail later."""

from datetime import UTC, date, datetime, timedelta

import pytest

from django_convoy import InvalidOption, JobExpired, PayloadError, ResultTimeout, enqueue_many
from django_convoy.framework import (
    DummyBackend,
    ImmediateBackend,
    TaskResultStatus,
    task_backends,
    task_signals,
)
from django_convoy.results import ConvoyResult
from tests.api.tasks import (
    add,
    contextual,
    echo,
    fail,
    later,
    plain,
    rich,
    stop,
    unkeepable,
    write_then_fail,
)
from tests.app.models import Note

REAL = {"BACKEND": "django_convoy.backend.ConvoyBackend", "QUEUES": []}
NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
EVERYTHING = {
    "retries": 2,
    "backoff": "linear",
    "retry_on": OSError,
    "give_up_on": ValueError,
    "timeout": 5,
    "grace": 1,
    "expires": 60,
    "kill_on_stop": True,
    "crash_budget": 2,
    "keep": 60,
    "keep_result": True,
    "priority": 3,
    "queue_name": "mail",
}


@pytest.fixture(params=["Immediate", "Dummy"])
def double(request, settings):
    path = f"django_convoy.testing.doubles.{request.param}Backend"
    options = {"namespace": "x", "broker": "no.such.Broker", "task": {"retries": 1}}
    settings.TASKS = {"default": {"BACKEND": path, "QUEUES": [], "OPTIONS": options}}
    return task_backends["default"]


@pytest.fixture
def immediate(settings):
    settings.TASKS = {"default": {"BACKEND": "django_convoy.testing.doubles.ImmediateBackend"}}


@pytest.fixture
def dummy(settings):
    settings.TASKS = {"default": {"BACKEND": "django_convoy.testing.doubles.DummyBackend"}}
    return task_backends["default"]


def test_a_double_is_one_of_djangos(double):
    assert isinstance(double, DummyBackend | ImmediateBackend)
    assert double.check() == []


def test_every_option_is_taken_and_no_database_is_needed(double):
    result = add.using(**EVERYTHING).enqueue(1)
    assert isinstance(result, ConvoyResult)
    assert result.task.retries == 2
    add.using(delivery="at_most_once", retries=0).enqueue(1)
    add.using(run_after=NOON).enqueue(1)
    add.using(run_after=timedelta(hours=1)).enqueue(1)
    rich.enqueue("x")
    plain.enqueue("x")


def test_what_would_fail_later_fails_now(double):
    with pytest.raises(InvalidOption, match="did you mean"):
        add.using(retrys=1)
    with pytest.raises(InvalidOption, match="retries must stay 0"):
        add.using(delivery="at_most_once", retries=1)
    with pytest.raises(PayloadError, match="JSON cannot"):
        echo.enqueue(object())
    with pytest.raises(TypeError, match=r"tests\.api\.tasks\.add\(\): missing a required argument"):
        add.enqueue()
    with pytest.raises(TypeError, match="unexpected keyword argument 'c'"):
        add.enqueue_many([{"a": 1, "c": 2}])


@pytest.mark.django_db
@pytest.mark.parametrize("call", [([{1: 2}],), (object(),), ("\ud800",), (float("nan"),)])
def test_a_double_refuses_in_the_words_of_the_real_backend(double, settings, call):
    words = []
    for tasks in (settings.TASKS, {"default": REAL}):
        settings.TASKS = tasks
        with pytest.raises(PayloadError) as caught:
            echo.enqueue(*call)
        words.append(str(caught.value))
    assert words[0] == words[1]
    assert words[0].startswith("tests.api.tasks.echo: ") or "surrogates" in words[0]


def test_many_jobs_give_a_batch_with_results(double):
    batch = add.enqueue_many([(1, 2), {"a": 3}, 4])
    assert len(batch) == 3
    assert [result.id for result in batch.results()] == list(batch)
    (other,) = enqueue_many([add.job(1), echo.job(2)])
    assert len(other) == 2
    (more,) = enqueue_many([echo.job(number) for number in range(1001)])
    assert [result.args for result in more.results()] == [[number] for number in range(1001)]


def test_wrong_options_are_told_by_the_check(settings):
    path = "django_convoy.testing.doubles.DummyBackend"
    settings.TASKS = {"default": {"BACKEND": path, "OPTIONS": {"leese": 1}}}
    (message,) = task_backends["default"].check()
    assert "did you mean 'lease'?" in message.msg


def test_immediate_runs_in_the_enqueue(immediate):
    result = add.enqueue(1, b=2)
    assert result.wait() is result
    assert result.return_value == 3
    assert result.attempts == 1
    assert later.enqueue(5).return_value == 5
    assert [one.return_value for one in add.enqueue_many([1, 2]).results()] == [1, 2]


def test_immediate_gives_our_context(immediate):
    assert contextual.enqueue("x").return_value == [1, "tests.api.tasks.contextual", "x"]


def test_immediate_shows_what_a_worker_would_see(immediate):
    result = echo.enqueue((1, 2), day=date(2030, 1, 1))
    assert result.args == [[1, 2]]
    assert result.return_value == [[[1, 2]], {"day": date(2030, 1, 1)}]
    # keep_result=False is declared.
    assert add.using(keep_result=False).enqueue(1).return_value is None


@pytest.mark.django_db
def test_immediate_does_not_run_what_has_expired(immediate, settings, run_jobs):
    late = fail.using(expires=datetime(2020, 1, 1, tzinfo=UTC))
    result = late.enqueue("was run")
    settings.TASKS = {"default": REAL}
    real = late.enqueue("was run")
    run_jobs()
    real.refresh()
    for one in (result, fail.get_result(real.id)):
        assert (one.status, one.detail) == (TaskResultStatus.FAILED, "CANCELLED")
        assert one.errors[0].exception_class is JobExpired
        assert (one.attempts, one.started_at) == (0, None)
    assert result.message == real.message


def test_immediate_keeps_a_failure_in_the_result(immediate):
    result = fail.enqueue("no luck")
    assert result.status == TaskResultStatus.FAILED
    assert result.message == "no luck"
    assert result.errors[0].exception_class is ValueError
    assert unkeepable.enqueue().errors[0].exception_class is PayloadError


@pytest.mark.django_db(transaction=True)
def test_immediate_rolls_an_atomic_task_back(immediate):
    assert write_then_fail.enqueue("gone").message == "gone"
    assert not Note.objects.exists()


def test_immediate_ends_when_somebody_interrupts(immediate):
    with pytest.raises(KeyboardInterrupt):
        stop.enqueue()


def test_dummy_remembers_and_does_not_run(dummy):
    result = fail.enqueue("x")
    assert result.status == TaskResultStatus.READY
    assert dummy.results == [result]
    assert fail.get_result(result.id) == result
    with pytest.raises(ResultTimeout, match="double"):
        result.wait()
    dummy.clear()
    assert dummy.results == []


def test_dummys_memory_is_its_own(dummy):
    result = echo.enqueue([1])
    result.args.append(2)
    assert dummy.results[0].args == [[1]]


def test_doubles_tell_signals_as_themselves(double):
    heard = []

    def receiver(sender, task_result, **kwargs):
        heard.append(sender)

    task_signals.task_enqueued.connect(receiver)
    try:
        add.enqueue(1)
    finally:
        task_signals.task_enqueued.disconnect(receiver)
    assert heard == [type(double)]
