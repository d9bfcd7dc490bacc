"""`convoy schedule` makes, shows, pauses, runs and removes schedules."""

from datetime import timedelta

import pytest
from django.core.management import CommandError

from django_convoy.schedules import Schedule, book_of, schedule
from django_convoy.scheduling.calls import signed
from django_convoy.scheduling.editions import Edition
from django_convoy.scheduling.rules import every
from tests.api.tasks import add
from tests.working import work

pytestmark = pytest.mark.django_db(transaction=True)
ADD = ("schedule", "add", "report", "tests.api.tasks.add")
NIGHTLY = ("--cron", "0 3 * * *", "--tz", "Europe/Berlin")


def listed(convoy):
    return {one["name"]: one for one in convoy("schedule", "--json").data["schedules"]}


def test_a_schedule_is_added(convoy):
    answer = convoy(*ADD, "7", "b=2", *NIGHTLY, "--queue", "mail", "--timeout", "10m")
    assert "report: At 03:00 every day (Europe/Berlin)." in answer.out
    assert answer.out.count("03:00:00 +0") == 3
    one = listed(convoy)["report"]
    assert (one["origin"], one["queue"], one["state"]) == ("command", "mail", "active")
    assert one["rule"] == {"kind": "cron", "expression": "0 3 * * *", "tz": "Europe/Berlin"}
    row = book_of("default").get("report")

    call = book_of("default").codec.open(signed(row))
    assert (call.args, call.kwargs, call.options) == ([7], {"b": 2}, {"timeout": 600.0})


def test_there_are_flags_for_all_that_a_rule_has(convoy):
    flags = {
        "cron": "*/10 * * * *",
        "start": "2031-01-01T00:00",
        "end": "2032-01-01",
        "repeat": "5",
        "between": "9-17",
        "weekdays": "mon-fri",
        "outside": "move",
        "holidays": "2031-05-01, 2031-10-03",
        "on-holiday": "after",
        "blackouts": "2031-12-24/2031-12-27, 12:00-13:00",
        "jitter": "30",
        "gap": "skip",
        "fold": "second",
    }
    arguments = [word for name, value in flags.items() for word in (f"--{name}", value)]
    answer = convoy(*ADD, "1", *arguments, "--json")
    rule = answer.data["rule"]
    assert "9" in rule["between"]
    for name in ("repeat", "outside", "on_holiday", "gap", "fold"):
        assert str(rule[name]) == flags[name.replace("_", "-")]
    assert len(rule["blackouts"]) == len(rule["holidays"]) == 2


def test_any_rule_can_be_said_as_json(convoy):
    rule = '{"kind": "monthly", "at": "6:00", "start": "2030-01-31"}'
    assert convoy(*ADD, "1", "--rule", rule, "--tz", "Asia/Tokyo").status == 0
    assert listed(convoy)["report"]["rule"]["tz"] == "Asia/Tokyo"
    other = ("schedule", "add", "daily", "tests.api.tasks.add", "1", "--every", "7d")
    assert convoy(*other, "--time", "18:30").status == 0
    assert listed(convoy)["daily"]["rule"]["at"].startswith("18:30")


def test_a_blank_says_nothing(convoy):
    flags = ("--between", " ", "--tz", "", "--holidays", "  ", "--jitter", " ", "--intended", " ")
    convoy(*ADD, "1", "--cron", "@daily", *flags)
    assert set(listed(convoy)["report"]["rule"]) == {"kind", "expression", "tz"}


def test_the_next_times_are_shown_in_the_zone_and_in_utc(convoy):
    convoy(*ADD, "1", *NIGHTLY)
    answer = convoy("schedule", "next", "report", "-n", "50", "--json").data
    assert answer["words"] == "At 03:00 every day (Europe/Berlin)"
    assert len(answer["next"]) == 50
    for one in answer["next"]:
        assert one["utc"].endswith("+00:00")
        assert "T03:00:00" in one["local"]
    text = convoy("schedule", "next", "report").out
    assert "Europe/Berlin" in text
    assert text.count(" 03:00:00 +0") == 10


def test_what_became_of_its_firings_is_shown(convoy):
    convoy(*ADD, "1", *NIGHTLY)
    assert "It has not fired yet." in convoy("schedule", "show", "report").out
    job_id = convoy("schedule", "run", "report").out.strip()
    work()
    text = convoy("schedule", "show", "report").out
    assert job_id in text
    assert "SUCCESSFUL" in text
    assert "by hand" in text
    (run,) = convoy("schedule", "show", "report", "--json").data["history"]
    assert (run["job_id"], run["outcome"], run["late"]) == (job_id, "SUCCESSFUL", 0.0)


def test_pauses(convoy):
    schedule("a", add, every(hours=1), args=[1])
    schedule("b", add, every(hours=1), args=[1])
    assert convoy("schedule", "pause", "a").out == "Paused: a.\n"
    assert [one["state"] for one in listed(convoy).values()] == ["paused", "active"]
    assert "It is paused" in convoy("schedule", "next", "a").err
    assert convoy("schedule", "resume", "a").out == "Resumed: a.\n"
    convoy("schedule", "pause", "--all")
    assert "All schedules are paused" in convoy("schedule", "list").err
    assert convoy("schedule", "list", "--json").data["paused"]
    convoy("schedule", "resume", "--all")
    assert convoy("schedule", "list").err == ""


@pytest.fixture
def two(settings):
    """Two aliases of TASKS."""
    settings.TASKS = {**settings.TASKS, "other": settings.TASKS["default"]}
    return {alias: book_of(alias) for alias in ("default", "other")}


def test_all_are_those_of_each_alias_unless_one_is_named(convoy, two):
    def paused():
        return [alias for alias, book in two.items() if book.paused]

    assert convoy("schedule", "pause", "--all").out == "Paused: all schedules of the site.\n"
    assert paused() == ["default", "other"]
    told = convoy("schedule", "resume", "--all", "--backend", "other").out
    assert told == "Resumed: all schedules of TASKS['other'].\n"
    assert paused() == ["default"]
    answer = convoy("schedule", "resume", "--all", "--json")
    assert answer.data == {"all": True, "backends": ["default", "other"]}
    assert paused() == []
    convoy("schedule", "pause", "--all", "--backend", "default")
    assert paused() == ["default"]
    assert "All schedules are paused" in convoy("schedule").err  # of the default


def test_what_is_retired_is_over_until_it_is_declared_again(convoy):
    book = book_of("default")
    Edition(book, [Schedule("old", add, every(hours=1), args=[1]).declaration()]).apply()
    Edition(book, []).apply()
    assert listed(convoy)["old"]["next_at"] is None
    assert convoy("schedule").row("old")[3] == "never"
    with pytest.raises(CommandError, match="'old' is retired: it fires again when it is declared"):
        convoy("schedule", "resume", "old")
    convoy("schedule", "add", "old", "tests.api.tasks.add", "1", *NIGHTLY)
    assert listed(convoy)["old"]["state"] == "active"
    assert listed(convoy)["old"]["origin"] == "command"


def test_schedules_are_removed(convoy):
    for name in ("a", "b"):
        schedule(name, add, every(hours=1), args=[1])
    assert convoy("schedule", "remove", "a", "b").out == "Removed: a, b.\n"
    assert convoy("schedule").out == "No schedules.\n"


def test_why_one_fails_is_in_the_list(convoy):
    schedule("a", add, every(hours=1), args=[1])
    book_of("default").table.failed(book_of("default").get("a").id, "its task is gone", 5)
    assert "its task is gone" in convoy("schedule").out
    assert listed(convoy)["a"]["failures"] == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add",), r"say `schedule add NAME TASK \[ARGUMENT ...\]"),
        (("add", "x"), "say `schedule add NAME TASK"),
        (("add", "x", "nowhere.x", "--cron", "@daily"), "task: nowhere.x: No module named"),
        (("add", "x", "tests.api.tasks.add", "1"), "say when: one of --cron, --every, --once"),
        (
            ("add", "x", "tests.api.tasks.add", "1", "--cron", "@daily", "--every", "1h"),
            "say when: one of .*, not --cron and --every",
        ),
        ((*ADD[1:], "1", "--cron", "99 * * * *"), "99"),
        ((*ADD[1:], "1", "--every", "5x"), "interval must be .* not '5x'"),
        ((*ADD[1:], "1", "--every", "0"), "interval must be a second or longer, not '0'"),
        (
            (*ADD[1:], "1", "--every", "10000000d"),
            "interval must be .* to 1000 years, not '10000000d'",
        ),
        ((*ADD[1:], "1", "--every", " "), "interval must be"),
        ((*ADD[1:], "1", "--once", "soon"), "at must be .* not 'soon'"),
        ((*ADD[1:], "1", "--once", "2001-01-01"), "at: it never fires"),
        ((*ADD[1:], "1", "--rule", "{"), r"--rule: '\{' is not JSON"),
        ((*ADD[1:], "1", "--rule", "[]"), "--rule: must be an object"),
        ((*ADD[1:], "1", "--rule", '{"kind": "x"}'), "x"),
        ((*ADD[1:], "1", "--cron", "@daily", "--time", "3:00"), "--time goes with --every"),
        ((*ADD[1:], "1", "--cron", "@daily", "--tz", "Mars"), "tz: .*Mars"),
        ((*ADD[1:], "1", "--cron", "@daily", "--between", "9-99"), "between must be .*9-99"),
        ((*ADD[1:], "1", "--cron", "@daily", "--weekdays", "fun"), "weekdays: .*fun"),
        ((*ADD[1:], "1", "--cron", "@daily", "--repeat", "0"), "repeat"),
        ((*ADD[1:], "1", "--cron", "@daily", "--jitter", "x"), "jitter"),
        ((*ADD[1:], "1", "--cron", "@daily", "--jitter", "2d"), "jitter .* to a day, not '2d'"),
        ((*ADD[1:], "1", "--cron", "@daily", "--end", "2001-01-01"), "end: it never fires"),
        ((*ADD[1:], "--cron", "@daily"), "args: .*missing a required argument: 'a'"),
        ((*ADD[1:], "1", "c=2", "--cron", "@daily"), "kwargs: .*unexpected keyword argument 'c'"),
        ((*ADD[1:], "1", "--cron", "@daily", "--intended", "x y"), "intended: must be"),
        ((*ADD[1:], "1", "--cron", "@daily", "--priority", "1000"), "between -100 and 100"),
        (
            (*ADD[1:], "1", "--cron", "@daily", "--catch-up", "all", "--overlap", "skip"),
            "catch_up: .*forbids",
        ),
        ((*ADD[1:], "1", "--cron", "@daily", "--catch-up", "some"), "invalid choice: 'some'"),
        (("next",), "name a schedule: `schedule next NAME`"),
        (("next", "nix"), "there is no schedule 'nix'; there is none at all"),
        (("next", "a", "b"), "`schedule next` takes one name, not 2"),
        (("next", "a", "-n", "0"), "'0' is not a whole number above 0"),
        (("pause",), "name schedules, or say --all"),
        (("pause", "a", "--all"), "name schedules, or say --all"),
        (("run", "--all"), "--all goes with `schedule pause`"),
        (("list", "a"), "`schedule list` takes no names"),
        (("list", "-n", "3"), "-n goes with `schedule next`"),
        (("list", "--tz", "UTC"), "--tz goes with `schedule add`"),
        (("remove",), "name a schedule: `schedule remove NAME`"),
        (("prune",), "invalid choice: 'prune'"),
    ],
)
def test_every_mistake_is_named(convoy, arguments, told):
    with pytest.raises(CommandError, match=told):
        convoy("schedule", *arguments)
    assert book_of("default").all() == []


def test_a_mistyped_name_is_answered_with_one_that_there_is(convoy):
    schedule("report", add, every(hours=1), args=[1])
    with pytest.raises(CommandError, match="there is no schedule 'reprot'; did you mean 'report'"):
        convoy("schedule", "pause", "reprot")
    with pytest.raises(CommandError, match="there is a schedule 'report': remove it first"):
        convoy(*ADD, "1", *NIGHTLY)


def test_what_the_code_declares_can_be_paused_and_not_removed(convoy):
    book = book_of("default")
    Edition(book, [Schedule("coded", add, every(hours=1), args=[1]).declaration()]).apply()
    assert convoy("schedule", "pause", "coded").status == 0
    with pytest.raises(CommandError, match="'coded' is declared in code: remove it there"):
        convoy("schedule", "remove", "coded")


def test_a_task_of_another_backend_is_asked_for(convoy, settings):
    settings.TASKS = {**settings.TASKS, "other": settings.TASKS["default"]}
    with pytest.raises(CommandError, match=r"belongs to TASKS\['default'\]"):
        convoy(*ADD, "1", *NIGHTLY, "--backend", "other")


def found(convoy):
    findings = convoy("doctor", "--json").data["findings"]
    return [f"{one['level']}: {one['text']}" for one in findings if one["about"] == "schedules"]


def test_the_doctor_looks_at_schedules(convoy, settings):
    assert found(convoy) == []
    schedule("a", add, every(hours=1), args=[1])
    assert found(convoy) == ["fine: 1 in all"]
    book = book_of("default")
    book.table.failed(book.get("a").id, "its task is gone", 5)
    assert "warning: a cannot be fired: its task is gone" in found(convoy)
    book.table.update("a", {"wake_at": book.table.now() - timedelta(minutes=5)})
    assert any("a: due, and not fired" in one for one in found(convoy))
    book.pause_all()
    assert any("all are paused" in one for one in found(convoy))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new-" * 12, [settings.SECRET_KEY]
    assert any(one.startswith("notice: a: signed with a fallback") for one in found(convoy))
    settings.SECRET_KEY_FALLBACKS = []
    assert any(one.startswith("error: a: signed with a key that") for one in found(convoy))
