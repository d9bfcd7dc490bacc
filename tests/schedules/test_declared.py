"""What code and settings declare: in decorators, `schedules.py`, `cron.py` and OPTIONS."""

import json
import sys
import types

import pytest
from django.core.checks import run_checks
from django.core.management.base import BaseCommand

from django_convoy import InvalidSchedule, Schedule, cron, declared, every, task
from django_convoy.conf import SettingsError
from django_convoy.framework import InvalidTask
from django_convoy.runtime import runtime_of
from django_convoy.tasks import InvalidTaskOption
from tests.api.tasks import add
from tests.working import work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def module(monkeypatch):
    """Make a module of the installed app tests.app."""

    def make(name, **contents):
        made = types.ModuleType(f"tests.app.{name}")
        vars(made).update(contents)
        monkeypatch.setitem(sys.modules, made.__name__, made)
        return made

    return make


def synchronise():
    declared.synchronise(runtime_of("default"))


def stored(place):
    return {row.name: row for row in place.book.all()}


# @task(schedule=...)


def declare_task(module, name="nightly", **options):
    def function():
        pass

    function.__module__, function.__qualname__ = "tests.app.jobs", name
    made = task(**options)(function)
    module("jobs", **{name: made})
    return made


def test_a_task_may_say_itself_when_it_runs(place, module):
    declare_task(module, schedule=cron("0 3 * * *", tz="Europe/Berlin"), queue_name="mail")
    synchronise()
    row = stored(place)["tests.app.jobs.nightly"]
    assert (row.origin, row.task, row.queue) == ("code", "tests.app.jobs.nightly", "mail")
    place.put_off(row.name, -1)
    place.fire()
    assert len(work()) == 1


def test_or_several_times(place, module):
    declare_task(module, schedule=[cron("0 3 * * *"), every(hours=5)])
    synchronise()
    assert sorted(stored(place)) == ["tests.app.jobs.nightly#1", "tests.app.jobs.nightly#2"]


def test_a_copy_of_a_task_does_not_declare_it_again(place, module):
    made = declare_task(module, schedule=every(hours=5))
    module("copies", urgent=made.using(priority=9))
    synchronise()
    assert stored(place)["tests.app.jobs.nightly"].priority == 0


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ("0 3 * * *", r"schedule must be a rule such as cron\(.*not '0 3"),
        (7, "schedule must be a rule .* not 7"),
        ([every(hours=1), "x"], "not 'x'"),
    ],
)
def test_what_is_no_rule_is_refused_in_the_decorator(schedule, told):
    with pytest.raises(InvalidTaskOption, match=told):

        @task(schedule=schedule)
        def function():
            pass


def test_a_task_that_needs_arguments_is_refused_in_the_decorator():
    with pytest.raises(InvalidTaskOption, match=r"argument: 'a'.* Say the arguments in schedules"):

        @task(schedule=every(hours=1))
        def function(a):
            pass


def test_a_schedule_belongs_to_the_function():
    with pytest.raises(InvalidTask, match="schedule belongs to the function"):
        add.using(schedule=every(hours=1))


# schedules.py


def test_an_app_may_list_its_schedules(place, module):
    module(
        "schedules",
        schedules=[Schedule("a", add, every(hours=1), args=[1])],
        b=Schedule("b", "tests.api.tasks.add", "@daily", args=[2], catch_up="none"),
        another="thing",
    )
    synchronise()
    assert sorted(stored(place)) == ["a", "b"]
    assert stored(place)["b"].catch_up == "none"


def test_a_name_is_declared_once(place, module):
    twice = [Schedule("a", add, every(hours=n), args=[1]) for n in (1, 2)]
    module("schedules", schedules=twice)
    with pytest.raises(InvalidSchedule, match=r"schedule 'a' is declared in tests.app.schedules"):
        synchronise()


def test_a_mistake_names_the_module(place, module):
    module("schedules", schedules=[Schedule("a", add, "often", args=[1])])
    with pytest.raises(InvalidSchedule, match=r"^tests.app.schedules: cron must have 5 fields"):
        synchronise()
    assert place.book.all() == []


def test_other_backends_have_their_own(place, module, settings):
    settings.TASKS = {**settings.TASKS, "other": settings.TASKS["default"]}
    there = Schedule("there", add.using(backend="other"), "@daily", args=[1])
    module("schedules", schedules=[there, Schedule("here", add, "@daily", args=[1])])
    synchronise()
    assert list(stored(place)) == ["here"]
    declared.synchronise(runtime_of("other"))
    assert list(stored(place)) == ["here"]


# OPTIONS["schedules"]


def settle(settings, **schedules):
    entry = settings.TASKS["default"]
    options = {**entry["OPTIONS"], "schedules": schedules}
    settings.TASKS = {"default": {**entry, "OPTIONS": options}}


def test_settings_may_declare_them(place, settings):
    settle(
        settings,
        a={"task": "tests.api.tasks.add", "rule": "0 3 * * *", "args": [1], "timeout": 9},
        b={"task": "tests.api.tasks.add", "rule": every(hours=1), "args": [1], "priority": 3},
        c={"task": "tests.api.tasks.add", "rule": {"kind": "daily", "at": "18:30"}, "args": [1]},
    )
    synchronise()
    assert [row.origin for row in place.book.all()] == ["settings"] * 3
    assert stored(place)["b"].priority == 3
    assert json.loads(stored(place)["a"].payload)["options"] == {"timeout": 9.0}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"rule": "@daily"}, "task: is missing"),
        ({"task": "tests.api.tasks.add"}, "rule: is missing"),
        ({"task": "tests.api.tasks.add", "rule": "61 * * * *", "args": [1]}, "61"),
        ({"task": "tests.api.tasks.add", "rul": "@daily"}, "unknown field 'rul'; did you mean"),
        ({"task": "nowhere.x", "rule": "@daily"}, "task: nowhere.x"),
        ({"task": "tests.api.tasks.add", "rule": "@daily", "args": [1], "timeout": 0}, "timeout"),
    ],
)
def test_every_mistake_in_settings_is_named_and_is_a_check(place, settings, given, told):
    settle(settings, a=given)
    place_of_it = r"^TASKS\['default'\]\['OPTIONS'\]\['schedules'\]\['a'\]: "
    with pytest.raises(SettingsError, match=f"{place_of_it}.*{told}"):
        synchronise()
    checked = run_checks(app_configs=[])  # of no models: those ask the databases
    found = [one for one in checked if one.id == "convoy.E007"]
    assert len(found) == 1
    assert told.split(";")[0] in found[0].msg


@pytest.mark.parametrize("value", [7, ["a"], {"a": "@daily"}])
def test_settings_of_another_shape_are_refused(settings, value):
    entry = {"BACKEND": "django_convoy.backend.ConvoyBackend", "OPTIONS": {"schedules": value}}
    settings.TASKS = {"default": entry}
    with pytest.raises(SettingsError, match=r"schedules=.* must be a dict"):
        runtime_of("default")


# cron.py


class Noted(BaseCommand):
    """A management command that keeps what it was called with."""

    calls: list = []  # noqa: RUF012 - shared on purpose

    def add_arguments(self, parser):
        parser.add_argument("words", nargs="*")
        parser.add_argument("--loud", action="store_true")

    def handle(self, *args, **options):
        self.calls.append((options["words"], options["loud"]))


def test_management_commands_run_at_their_times(place, module, monkeypatch):
    config = (
        {
            "command": "noted",
            "command_args": ("a", "b"),
            "command_kwargs": {"loud": True},
            "hours": "3,15",
            "minutes": "*",
            "days": "1",
            "queue": "mail",
            "timeout": 600,
            "sigkill_on_stop": True,
        },
        {"command": "noted", "hours": "*", "minutes": "0"},
    )
    module("cron", CONFIG=config)
    synchronise()
    first, second = stored(place)["tests.app.cron:noted"], stored(place)["tests.app.cron:noted#2"]
    assert first.queue == "mail"
    assert second.queue == "cron"
    assert json.loads(first.payload)["options"] == {"kill_on_stop": True, "timeout": 600.0}
    times = [one.local for one in place.book.next(first, 200)]
    assert {at.isoweekday() for at in times} == {1}
    assert {at.hour for at in times} == {3, 15}
    assert times[0].utcoffset().total_seconds() == 0
    monkeypatch.setattr("django.core.management.get_commands", lambda: {"noted": Noted()})
    place.put_off(first.name, -1)
    place.fire()
    assert len(work()) == 1
    assert Noted.calls == [(["a", "b"], True)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"command": None}, "command: must be the name of a management command, not None"),
        ({"hours": "24"}, "hours must be .* not '24'"),
        ({"hours": "soon"}, "hours must be .* not 'soon'"),
        ({"minutes": "60"}, "minutes must be .* not '60'"),
        ({"minutes": ""}, "minutes must be"),
        ({"days": "0"}, "days must be .* from 1 to 7, not '0'"),
        ({"days": "8"}, "days must be .* not '8'"),
        ({"command_args": "a b"}, "command_args: must be a list or tuple, not 'a b'"),
        ({"command_kwargs": [1]}, r"command_kwargs: must be a dict, not \[1\]"),
        ({"queue": "no queue"}, "'no queue' cannot be a queue"),
        ({"timeout": -1}, "timeout must be"),
        ({"sigkill_on_stop": "yes"}, "kill_on_stop must be True or False"),
        ({"timezone": "Mars"}, "tz: unknown zone 'Mars'"),
        ({"hour": "3"}, "unknown field 'hour'; did you mean 'hours'"),
    ],
)
def test_every_mistake_in_cron_py_is_named(place, module, change, told):
    module("cron", CONFIG=[{"command": "noted", "hours": "*", "minutes": "0", **change}])
    with pytest.raises(InvalidSchedule, match=rf"^tests.app.cron.CONFIG\[0\]: .*{told}"):
        synchronise()


@pytest.mark.parametrize(
    ("queues", "queue"),
    [
        ([], "cron"),
        (["default", "cron"], "cron"),
        (["default", "mail"], "default"),
        (None, "default"),
    ],
)
def test_what_names_no_queue_goes_to_one_that_there_is(place, module, settings, queues, queue):
    entry = {**settings.TASKS["default"], "QUEUES": queues}
    if queues is None:
        del entry["QUEUES"]
    settings.TASKS = {"default": entry}
    module("cron", CONFIG=[{"command": "noted", "hours": "*", "minutes": "0"}])
    synchronise()
    assert stored(place)["tests.app.cron:noted"].queue == queue


def test_a_queue_that_is_not_declared_is_named_with_those_that_are(place, module, settings):
    settings.TASKS = {"default": {**settings.TASKS["default"], "QUEUES": ["mail"]}}
    module("cron", CONFIG=[{"command": "noted", "hours": "*", "minutes": "0"}])
    told = r"cron.CONFIG\[0\]: Queue 'default' .* TASKS\['default'\]\['QUEUES'\]; there is: mail"
    with pytest.raises(InvalidSchedule, match=told):
        synchronise()


@pytest.mark.parametrize("name", ["command", "hours", "minutes"])
def test_what_cron_py_lacks_is_named(place, module, name):
    entry = {"command": "noted", "hours": "*", "minutes": "0"}
    del entry[name]
    module("cron", CONFIG=[entry])
    with pytest.raises(InvalidSchedule, match=f"{name}: is missing"):
        synchronise()


def test_a_cron_py_of_something_else_is_left_alone(place, module):
    module("cron", jobs=["x"])
    synchronise()
    module("cron", CONFIG="text")
    with pytest.raises(InvalidSchedule, match="CONFIG must be a list or tuple of dicts"):
        synchronise()


def test_a_rehearsal_of_new_code_finds_mistakes_and_writes_nothing(place, module):
    module("schedules", schedules=[Schedule("a", add, "@daily", args=[1])])
    declared.synchronise(runtime_of("default"), check_only=True)
    assert place.book.all() == []
