"""What a broker cannot do is refused, when a task is declared or enqueued, and says what to do."""

from datetime import UTC, datetime, timedelta

import pytest

from django_convoy import InvalidOption, PayloadError, enqueue_many, task
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.promises import is_too_far
from django_convoy.framework import InvalidTask, task_backends
from django_convoy.runtime import runtime_of
from tests.api.tasks import add, echo, plain

UNRANKED = ("Unranked", {"priority": 5}, "priority=5: .* knows no priorities.*--queues urgent")
RETRIES = ("Forgetful", {"retries": 2}, "retries=2: .* keeps no notes.*Leave retries out")
CRASHES = ("Forgetful", {"crash_budget": 9}, "crash_budget=9: .* keeps no notes")
ONCE = ("Cautious", {"delivery": "at_most_once"}, "cannot settle a job before it runs.*Leave it")
ATOMIC = ("Blind", {"atomic": True, "timeout": 1}, 'is in none. Use broker: "database"')
LONG = ("Brief", {"timeout": timedelta(hours=13)}, "timeout=46800: .* for 12:00:00 at most.*a part")
DECLARED = pytest.mark.parametrize(
    ("name", "options", "words"), [UNRANKED, RETRIES, CRASHES, ONCE, ATOMIC, LONG]
)


@pytest.fixture
def use(settings):
    def use(name, **options):
        broker = {"name": f"tests.limited.{name}Broker", **options.pop("broker", {})}
        backend = "django_convoy.backend.ConvoyBackend"
        given = {"broker": broker, "store": "memory", **options}
        settings.TASKS = {"default": {"BACKEND": backend, "QUEUES": [], "OPTIONS": given}}
        return runtime_of("default")

    return use


def function():
    """Becomes a task."""


@DECLARED
def test_a_declaration_is_refused(use, name, options, words):
    use(name)
    with pytest.raises(InvalidOption, match=words) as caught:
        task(**options)(function)
    assert f"tests.limited.{name}Broker" in str(caught.value)
    assert str(caught.value).startswith("tests.api.test_promises.function: ")
    assert isinstance(caught.value, InvalidTask)


@DECLARED
def test_a_task_that_was_declared_for_another_broker_is_refused_at_enqueue(
    use, settings, name, options, words
):
    declared = task(**options)(function)
    use(name)
    with pytest.raises(InvalidOption, match=words):
        declared.enqueue()
    with pytest.raises(InvalidOption, match=words):
        enqueue_many([declared.job()])
    with pytest.raises(InvalidOption, match=words):
        add.using(**options)


@pytest.mark.parametrize(("name", "options", "words"), [RETRIES, ONCE, ATOMIC, LONG])
def test_defaults_of_the_settings_are_refused_by_the_check(use, name, options, words):
    use(name, task=options)
    (message,) = [one for one in task_backends["default"].check() if one.id == "convoy.E004"]
    assert "OPTIONS']['task']" in message.msg
    with pytest.raises(InvalidOption, match=words):
        add.enqueue(1)


@pytest.mark.parametrize(
    "name", ["Unranked", "Forgetful", "Cautious", "Impatient", "Narrow", "Brief"]
)
def test_what_asks_for_nothing_is_taken(use, name):
    runtime = use(name)
    add.enqueue(1)
    plain.enqueue(1)
    assert runtime.shared.broker.counts("default").ready == 2


def test_a_broker_that_can_less_by_its_options_refuses_at_enqueue(use):
    use("Choosy", broker={"priority": True})
    add.using(priority=1).enqueue(1)
    use("Choosy", broker={"priority": False})
    declared = task(priority=1)(function)  # its class can
    with pytest.raises(InvalidOption, match="knows no priorities"):
        declared.enqueue()
    with pytest.raises(InvalidOption, match="knows no priorities"):
        plain.using(priority=3).enqueue(1)


@pytest.mark.parametrize("when", [timedelta(minutes=16), datetime(2199, 1, 1, tzinfo=UTC)])
def test_a_delay_that_is_too_long_is_refused(use, when):
    runtime = use("Impatient")
    with pytest.raises(InvalidOption, match=r"holds jobs for 0:15:00 at most\. Enqueue it later"):
        add.using(run_after=when).enqueue(1)
    with pytest.raises(InvalidOption, match="holds jobs for 0:15:00"):
        add.enqueue_many([add.using(run_after=when).job(1)])
    assert runtime.shared.broker.counts("default").delayed == 0
    add.using(run_after=timedelta(minutes=14)).enqueue(1)
    assert runtime.shared.broker.counts("default").delayed == 1


def test_a_timeout_that_is_as_long_as_a_lease_is_taken(use):
    use("Brief")
    task(timeout=timedelta(hours=12))(function).using(timeout=3600).enqueue()
    with pytest.raises(InvalidOption, match=r"timeout=43200\.5"):
        add.using(timeout=43200.5)


def test_where_a_delay_ends_is_said_in_one_place():
    now, quarter = datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=15)
    can = Capabilities(max_delay=quarter)
    assert not is_too_far(can, None, now)
    assert not is_too_far(can, now + quarter, now)
    assert is_too_far(can, now + quarter + timedelta(microseconds=1), now)
    assert not is_too_far(Capabilities(), datetime.max.replace(tzinfo=UTC), now)


def test_a_job_that_is_too_large_is_refused(use):
    runtime = use("Narrow")
    with pytest.raises(PayloadError, match=r"bytes, and the broker .* takes 1,000\. Store what"):
        echo.enqueue("x" * 1000)
    with pytest.raises(PayloadError, match="pass its key"):
        echo.enqueue_many(["x", "x" * 1000])
    assert runtime.shared.broker.counts("default").ready == 0
    echo.enqueue("x" * 500)
