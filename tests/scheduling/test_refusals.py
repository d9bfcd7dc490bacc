"""Every mistake is an error that names the field, what was given and what is allowed."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from django_convoy.domain.errors import ConvoyError, InvalidSchedule
from django_convoy.scheduling.rules import Rule
from django_convoy.scheduling.rules.options import _READ as READERS
from django_convoy.scheduling.rules.rule import KINDS
from django_convoy.scheduling.wording import data_of
from tests.scheduling.conftest import examples

DAILY = {"kind": "daily"}
AWARE = datetime(2026, 1, 1, tzinfo=UTC)


def line(expression):
    return {"kind": "cron", "expression": expression}


# what is given, and what the message must say: the field, the value, what is allowed
MISTAKES = [
    # the rule itself
    (None, "rule must be an object", "None", "daily"),
    ([], "rule must be an object", "[]", "daily"),
    ("0 3 * * *", "rule must be an object", "'0 3 * * *'", "daily"),
    ({1: 2}, "rule must be an object", "{1: 2}", "daily"),
    ({}, "kind must be one of", "None", "cron"),
    ({"kind": 7}, "kind must be one of", "7", "cron"),
    ({"kind": ["cron"]}, "kind must be one of", "['cron']", "weekly"),
    ({"kind": "dayly"}, "kind: unknown kind", "'dayly'", "did you mean 'daily'?"),
    ({"kind": "sometimes"}, "kind: unknown kind", "'sometimes'", "there are: bimonthly"),
    ({"kind": "cron"}, "expression is missing", "cron", ""),
    ({"kind": "once"}, "at is missing", "once", ""),
    ({**DAILY, "betwen": "2-3"}, "unknown option", "'betwen'", "did you mean 'between'?"),
    ({**DAILY, "until": "2027-01-01"}, "unknown option", "'until'", "did you mean 'end'?"),
    ({**DAILY, "timezone": "UTC"}, "unknown option", "'timezone'", "did you mean 'tz'?"),
    ({**DAILY, "trigger": "x"}, "unknown option", "'trigger'", "between"),
    ({"kind": "every", "hour": 1}, "unknown option", "'hour'", "did you mean 'hours'?"),
    # cron
    (line(""), "cron must have 5 fields", "''", "@daily"),
    (line("* * * *"), "cron must have 5 fields", "'* * * *'", "or 6"),
    (line("* * * * * * *"), "cron must have 5 fields", "'* * * * * * *'", "or 6"),
    (line("x" * 300), "cron must have 5 fields", "xxx", "or 6"),
    (line(f"{'1,' * 150}1 * * * *"), "cron must have 5 fields", "1,1,1", "or 6"),
    (line(7), "cron must be", "7", "'0 3 * * *'"),
    (line("60 * * * *"), "cron: minute cannot be", "'60'", "0-59"),
    (line("-1 * * * *"), "cron: minute cannot be", "'-1'", "0-59"),
    (line("*/0 * * * *"), "cron: minute cannot be", "'*/0'", "steps */2"),
    (line("1,,2 * * * *"), "cron: minute cannot be", "'1,,2'", "lists 1,2"),
    (line("5-1 * * * *"), "cron: minute cannot be", "'5-1'", "ranges 1-5"),
    (line("\u0663 * * * *"), "cron: minute cannot be", "'\u0663'", "0-59"),
    (line(f"{'9' * 190} * * * *"), "cron: minute cannot be", "'999", "0-59"),
    (line("0 24 * * *"), "cron: hour cannot be", "'24'", "0-23"),
    (line("0 noon * * *"), "cron: hour cannot be", "'noon'", "0-23"),
    (line("0 0 0 * *"), "cron: day-of-month cannot be", "'0'", "1-31"),
    (line("0 0 32 * *"), "cron: day-of-month cannot be", "'32'", "LW"),
    (line("0 0 15W * *"), "cron: day-of-month cannot be", "'15W'", "LW"),
    (line("0 0 L-3 * *"), "cron: day-of-month cannot be", "'L-3'", "LW"),
    (line("0 0 ? * *"), "cron: day-of-month cannot be", "'?'", "*"),
    (line("0 0 * 13 *"), "cron: month cannot be", "'13'", "JAN-DEC"),
    (line("0 0 * JANUARY *"), "cron: month cannot be", "'JANUARY'", "JAN-DEC"),
    (line("0 0 * * 8"), "cron: day-of-week cannot be", "'8'", "0-7"),
    (line("0 0 * * FRI-SUN"), "cron: day-of-week cannot be", "'FRI-SUN'", "FRI-SUN is 5-7"),
    (line("0 0 * * 1#6"), "cron: day-of-week cannot be", "'1#6'", "1#2"),
    (line("0 0 * * FRIL"), "cron: day-of-week cannot be", "'FRIL'", "5L"),
    (line("0 0 * * \u00b2L"), "cron: day-of-week cannot be", "'\u00b2L'", "5L"),
    (line("61 0 0 * * *"), "cron: second cannot be", "'61'", "0-59"),
    (line("0 60 0 * * *"), "cron: minute cannot be", "'60'", "0-59"),
    (line("0 0 30 2 *"), "cron: day-of-month 30 never comes in month 2", "'0 0 30 2 *'", "L"),
    (line("0 0 31 4,6 *"), "cron: day-of-month 31 never comes in month 4,6", "31", "L"),
    (line("@dayly"), "cron: unknown name", "'@dayly'", "did you mean '@daily'?"),
    (line("@reboot"), "cron: unknown name", "'@reboot'", "@"),
    (line("0 0 */16 * 5L"), "this rule never fires", "every 16th day", "allowed"),
    # intervals
    ({"kind": "every"}, "interval must be a second or longer", "not 0", "second"),
    ({"kind": "every", "seconds": 0}, "interval must be a second", "not 0", "second"),
    ({"kind": "every", "interval": 0}, "interval must be a second", "not 0", "second"),
    ({"kind": "every", "interval": "0"}, "interval must be a second", "not '0'", "second"),
    ({"kind": "every", "interval": "0s"}, "interval must be a second", "not '0s'", "second"),
    ({"kind": "every", "interval": "0.5"}, "interval must be a second", "not '0.5'", "second"),
    (
        {"kind": "every", "interval": "10000000d"},
        "interval must be a span from 0",
        "not '10000000d'",
        "1000 years",
    ),
    (
        {"kind": "every", "interval": f"{'9' * 30}w"},
        "interval must be a span from 0",
        f"not '{'9' * 30}w'",
        "1000 years",
    ),
    ({"kind": "every", "interval": 1e99}, "interval must be a span", "1e+99", "1000 years"),
    ({"kind": "every", "interval": float("nan")}, "interval must be seconds", "nan", "1000 years"),
    ({"kind": "every", "hours": "1" * 18}, "hours must be a number", f"'{'1' * 18}'", "1000 years"),
    ({"kind": "every", "days": "1.5"}, "days must be a whole number", "'1.5'", "whole"),
    ({"kind": "every", "seconds": 0.5}, "interval must be a second", "seconds=0.5", "second"),
    ({"kind": "every", "seconds": -5}, "interval must be a second", "seconds=-5", "second"),
    ({"kind": "every", "days": -1}, "interval must be a second", "days=-1", "months=1, days=-1"),
    ({"kind": "every", "months": -1}, "interval must be a second", "months=-1", "second"),
    ({"kind": "every", "months": 1, "days": -40}, "interval must not go back", "days=-40", ""),
    ({"kind": "every", "years": 2000}, "interval must be at most", "years=2000", "1000 years"),
    ({"kind": "every", "seconds": 1e99}, "seconds must be a number", "1e+99", "number"),
    ({"kind": "every", "seconds": float("nan")}, "seconds must be a number", "nan", "number"),
    ({"kind": "every", "seconds": "soon"}, "seconds must be a number", "'soon'", "number"),
    ({"kind": "every", "minutes": True}, "minutes must be a number", "True", "number"),
    ({"kind": "every", "days": 1.5}, "days must be a whole number", "1.5", "whole"),
    ({"kind": "every", "months": 0.5}, "months must be a whole number", "0.5", "whole"),
    ({"kind": "every", "interval": "often"}, "interval must be seconds", "'often'", "1h30m"),
    ({"kind": "every", "interval": "1x"}, "interval must be seconds", "'1x'", "1h30m"),
    ({"kind": "every", "interval": []}, "interval must be seconds", "[]", "timedelta"),
    ({"kind": "every", "interval": -1}, "interval must be a span from 0", "-1", "1000 years"),
    ({"kind": "every", "interval": timedelta(-1)}, "interval must be a span from 0", "-1", "1000"),
    ({"kind": "every", "interval": timedelta(0)}, "interval must be a second", "timedelta(0)", ""),
    ({"kind": "every", "interval": 5, "days": 1}, "interval: give either", "not both", "years="),
    (
        {"kind": "every", "interval": SimpleNamespace(months=1, day=31)},
        "interval cannot have day=",
        "day=",
        "months=1",
    ),
    ({"kind": "every", "hours": 5, "at": "3:00"}, "at is for days", "hours=5", "days and longer"),
    ({"kind": "every", "days": 1, "hours": 5, "at": "3:00"}, "at is for days", "hours=5", "days"),
    ({"kind": "minutes", "minutes": 0}, "minutes must be a whole number", "0", "from 1"),
    ({"kind": "minutes", "minutes": "x"}, "minutes must be a whole number", "'x'", "from 1"),
    # times
    ({"kind": "once", "at": "tomorrow"}, "at must be a datetime", "'tomorrow'", "ISO 8601"),
    ({"kind": "once", "at": 5}, "at must be a datetime", "5", "ISO 8601"),
    ({"kind": "once", "at": None}, "at must be a datetime", "None", "ISO 8601"),
    ({**DAILY, "at": "25:00"}, "at must be a time of day", "'25:00'", "'18:30'"),
    ({**DAILY, "at": "noon"}, "at must be a time of day", "'noon'", "'18:30'"),
    ({**DAILY, "at": 5}, "at must be a time of day", "5", "'18:30'"),
    ({**DAILY, "start": "2026-13-01"}, "start must be a datetime", "'2026-13-01'", "ISO 8601"),
    ({**DAILY, "start": "2026-02-30"}, "start must be a datetime", "'2026-02-30'", "ISO 8601"),
    ({**DAILY, "start": "0007-02-03"}, "start must be a time from 1900", "0007", "to 9000"),
    ({**DAILY, "end": "9999-12-31T23:59"}, "end must be a time from 1900", "9999", "to 9000"),
    ({**DAILY, "end": "soon"}, "end must be a datetime", "'soon'", "ISO 8601"),
    ({**DAILY, "start": "2027-01-01", "end": "2026-01-01"}, "end must be later", "2026", "start"),
    ({**DAILY, "start": AWARE, "end": datetime(2027, 1, 1)}, "end is naive", "start", "all"),
    ({**DAILY, "repeat": 0}, "repeat must be a whole number", "0", "from 1"),
    ({**DAILY, "repeat": -1}, "repeat must be a whole number", "-1", "from 1"),
    ({**DAILY, "repeat": 1.5}, "repeat must be a whole number", "1.5", "from 1"),
    ({**DAILY, "repeat": "many"}, "repeat must be a whole number", "'many'", "from 1"),
    ({**DAILY, "repeat": "0"}, "repeat must be a whole number", "'0'", "from 1"),
    ({**DAILY, "jitter": -1}, "jitter must be a span from 0", "-1", "to a day"),
    ({**DAILY, "jitter": "2d"}, "jitter must be a span from 0", "'2d'", "to a day"),
    ({**DAILY, "jitter": "10000000d"}, "jitter must be a span", "'10000000d'", "to a day"),
    ({**DAILY, "jitter": "bit"}, "jitter must be seconds", "'bit'", "10m"),
    # windows
    *[
        ({**DAILY, "between": given}, "between must be", repr(given), allowed)
        for given, allowed in [
            ("2", "2:00/18:30"),
            ("2:00", "2:00/18:30"),
            ("2:00~18:30", "2:00/18:30"),
            ("2:0-3", "2:00/18:30"),
            ("-3", "2:00/18:30"),
            ("a-b", "2:00/18:30"),
            ("2-3-4", "2:00/18:30"),
            ("\u0662-3", "2:00/18:30"),
            ("25-26", "0:00 to 24:00"),
            ("2:60-3", "0:00 to 24:00"),
            ("2-24:01", "0:00 to 24:00"),
            ("3-3", "two different ends"),
            ("24-3", "the first before 24:00"),
            (7, "2:00/18:30"),
            ([], "2:00/18:30"),
        ]
    ],
    ({**DAILY, "between": "2-3,"}, "between must be", "''", "2:00/18:30"),
    ({**DAILY, "between": [5]}, "between must be", "5", "2:00/18:30"),
    ({**DAILY, "between": "9-17"}, "this rule never fires", "Every day at 00:00", "between"),
    (
        {**DAILY, "between": "9-17", "blackouts": ["0-23:59", "23-1"]},
        "between and blackouts leave no time",
        "",
        "allowed",
    ),
    # weekdays
    *[
        ({**DAILY, "weekdays": given}, "weekdays", repr(given), allowed)
        for given, allowed in [
            ("someday", "did you mean 'sunday'?"),
            ("xyz", "there are: friday"),
            ("mondy", "did you mean 'monday'?"),
            ("m", "there are: friday"),
            (7, "0 (Monday) to 6"),
            (-1, "0 (Monday) to 6"),
            (1.5, "0 (Monday) to 6"),
            (True, "0 (Monday) to 6"),
            (SimpleNamespace(weekday=0, n=2), "cron('0 0 * * 1#2')"),
            ([], "at least one"),
        ]
    ],
    ({**DAILY, "weekdays": "mon-xyz"}, "weekdays: unknown day", "'xyz'", "there are"),
    ({**DAILY, "weekdays": "1,9"}, "weekdays must be", "'9'", "0 (Monday) to 6"),
    ({**DAILY, "weekdays": ","}, "weekdays must be at least one", "", "mon to sun"),
    ({**DAILY, "weekdays": [None]}, "weekdays must be", "None", "0 (Monday) to 6"),
    ({"kind": "weekly", "weekdays": "wed"}, "this rule never fires", "on Monday", "weekdays"),
    # zones
    *[
        ({**DAILY, "tz": given}, "tz", repr(given), allowed)
        for given, allowed in [
            ("Europe/Berln", "did you mean 'Europe/Berlin'?"),
            ("berlin", "did you mean 'Europe/Berlin'?"),
            ("new york", "did you mean 'America/New_York'?"),
            ("Europe", "did you mean 'Europe/"),
            ("../etc/passwd", "IANA name"),
            ("/etc/passwd", "IANA name"),
            ("Atlantis/Deep\0", "did you mean 'Atlantic/"),
            ("Middle-earth", "IANA name"),
            ("+02:00", "IANA name"),
            (5, "IANA name"),
            (timezone(timedelta(hours=2)), "IANA name"),
        ]
    ],
    # holidays and blackouts
    ({**DAILY, "holidays": "2026-13-01"}, "holidays must be a date", "'2026-13-01'", "2026-12"),
    ({**DAILY, "holidays": ["xmas"]}, "holidays must be a date", "'xmas'", "2026-12-31"),
    ({**DAILY, "holidays": [AWARE]}, "holidays must be a date", "2026", "2026-12-31"),
    ({**DAILY, "holidays": "Germany"}, "holidays must be dates, or", "'Germany'", "'DE-BY'"),
    ({**DAILY, "holidays": 5}, "holidays must be dates, or", "5", "'DE-BY'"),
    ({**DAILY, "on_holiday": "before"}, "on_holiday needs holidays", "", "dates"),
    ({**DAILY, "on_holiday": "befor"}, "on_holiday: unknown", "'befor'", "did you mean 'before'?"),
    (
        {"kind": "hourly", "holidays": ["2026-01-01"], "on_holiday": "after"},
        "on_holiday='after' is for rules of days",
        "after",
        "skip",
    ),
    ({**DAILY, "blackouts": 5}, "blackouts must be a list", "5", "2026-12-24/2026-12-27"),
    ({**DAILY, "blackouts": ["xmas"]}, "blackouts must be", "'xmas'", "2026-12-31"),
    ({**DAILY, "blackouts": [[1]]}, "blackouts must be", "[1]", "pair of times"),
    ({**DAILY, "blackouts": ["2026-01-02/2026-01-01"]}, "blackouts must be", "2026-01-02", "end"),
    (
        {**DAILY, "blackouts": ["2026-01-01/2026-01-02T00:00"]},
        "blackouts must be from a date to a date",
        "2026-01-01",
        "time",
    ),
    (
        {**DAILY, "blackouts": [(AWARE, datetime(2027, 1, 1))]},
        "blackouts must be either aware or naive",
        "2026-01-01",
        "both",
    ),
    (
        {**DAILY, "blackouts": ["2026-01-01T00:00/2026-01-01T00:00"]},
        "blackouts must be a span whose end is later",
        "2026-01-01",
        "later",
    ),
    ({**DAILY, "blackouts": ["25-26"]}, "blackouts must be a window", "'25-26'", "24:00"),
    ({**DAILY, "outside": "push"}, "outside: unknown choice", "'push'", "move, skip"),
    ({**DAILY, "outside": 1}, "outside must be one of", "1", "move"),
    ({**DAILY, "gap": "befor"}, "gap: unknown choice", "'befor'", "after"),
    ({**DAILY, "fold": "frist"}, "fold: unknown choice", "'frist'", "did you mean 'first'?"),
    # fields
    ({"kind": "fields", "days": [0]}, "days must be '*' or", "0", "numbers from 1 to 7"),
    ({"kind": "fields", "days": "8"}, "days must be '*' or", "'8'", "numbers from 1 to 7"),
    ({"kind": "fields", "hours": 24}, "hours must be '*' or", "24", "numbers from 0 to 23"),
    ({"kind": "fields", "minutes": "*/5"}, "minutes must be '*' or", "'*/5'", "from 0 to 59"),
    ({"kind": "fields", "minutes": "1-5"}, "minutes must be '*' or", "'1-5'", "from 0 to 59"),
    ({"kind": "fields", "minutes": []}, "minutes must be '*' or", "[]", "from 0 to 59"),
    # never
    (
        {**line("0 3 * * *"), "start": "1950-01-01T05:00", "end": "1950-01-01"},
        "this rule never fires",
        "1950-01-01",
        "start, end",
    ),
]


@pytest.mark.parametrize(
    ("data", "field", "given", "allowed"), MISTAKES, ids=[repr(one[0])[:60] for one in MISTAKES]
)
def test_a_mistake_is_named(data, field, given, allowed):
    with pytest.raises(InvalidSchedule) as caught:
        Rule.from_json(data)
    message = str(caught.value)
    assert caught.value.field, "a form has to know where to say it"
    assert field in message
    assert given in message
    assert allowed in message
    assert len(message) < 700 and "\n" not in message


def test_code_and_data_say_the_same():
    for data, *_ in MISTAKES:
        if isinstance(data, dict) and data.get("kind") in list(KINDS):
            given = {name: value for name, value in data.items() if name != "kind"}
            if (data["kind"] == "cron" and "expression" not in given) or given == {}:
                continue
            with pytest.raises((InvalidSchedule, TypeError)):
                KINDS[data["kind"]](**given)


NOISE = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats()
    | some.text(max_size=12)
    | some.sampled_from(["9-17", "mon-fri", "2026-01-01", "1h", "* * * * *", "UTC", "DE", "move"]),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner),
    max_leaves=4,
)
NAMES = [*READERS, "at", "expression", "interval", "days", "months", "seconds", "minutes", "hours"]


@examples(200)
@given(
    some.sampled_from(list(KINDS)), some.dictionaries(some.sampled_from(NAMES), NOISE, max_size=3)
)
def test_whatever_is_given_is_a_rule_or_a_clear_error(kind, given):
    try:
        rule = Rule.from_json({"kind": kind, **given})
    except ConvoyError as error:
        assert re.match(r"[a-z]", str(error))
    else:
        assert Rule.from_json(rule.to_json()) == rule
        assert rule.words()


def test_dates_and_numbers_may_be_texts_and_nothing_is_nothing():
    rule = Rule.from_json(
        {
            "kind": "every",
            "hours": "2",
            "repeat": "5",
            "jitter": "10m",
            "start": "2026-01-01 12:00",
            "end": "",
            "between": None,
            "tz": "",
        }
    )
    assert rule.repeat == 5
    assert rule.jitter == timedelta(minutes=10)
    assert rule.start == datetime(2026, 1, 1, 12)
    assert rule.end is None and rule.between == () and rule.tz is None
    assert Rule.from_json({**DAILY, "end": date(2027, 1, 1)}).end == date(2027, 1, 1)


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_blank_is_nothing(name):
    assert Rule.from_json({**DAILY, name: " ", "at": "  "}) == Rule.from_json(DAILY)
    assert data_of("daily", " ", {name: " "}) == DAILY
    assert Rule.from_json({**DAILY, "tz": " Asia/Tokyo "}).tz == "Asia/Tokyo"
