"""Intervals: exact distances, days by the clocks, months that do not drift."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from django_convoy.scheduling.rules import (
    bimonthly,
    biweekly,
    daily,
    every,
    hourly,
    minutes,
    monthly,
    once,
    preview,
    quarterly,
    weekly,
    yearly,
)
from tests.scheduling.clocks import ZONES
from tests.scheduling.conftest import examples
from tests.scheduling.rules import moments

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)


def months_later(begin: date, months: int) -> date:
    """Return the same day, or the last one that is there."""
    year, month = divmod(begin.year * 12 + begin.month - 1 + months, 12)
    for day in range(begin.day, 0, -1):
        with suppress(ValueError):
            return date(year, month + 1, day)
    raise AssertionError


def days(rule, after, count=6):
    return [f"{one.local:%m-%d}" for one in preview(rule, after, count)]


def clocks(rule, after, count):
    return [f"{one.local:%d %H:%M%z}" for one in preview(rule, after, count)]


@examples(150)
@given(some.data(), some.sampled_from(ZONES), some.integers(1, 10**8), some.integers(0, 10**9))
def test_seconds_are_exact_whatever_the_clocks_do(data, name, seconds, later):
    start = data.draw(moments(name))
    rule = every(seconds=seconds, start=start, tz=name)
    found = rule.next(start + timedelta(seconds=later))
    assert (found - start) % timedelta(seconds=seconds) == timedelta(0)
    assert timedelta(0) < found - start - timedelta(seconds=later) <= timedelta(seconds=seconds)
    assert rule.next(found) - found == timedelta(seconds=seconds)
    assert rule.next(start - timedelta(days=1)) == start


@examples(150)
@given(some.data(), some.sampled_from(ZONES), some.integers(1, 40), some.integers(0, 3000))
def test_days_keep_the_time_of_day(data, name, step, later):
    start = data.draw(moments(name))
    rule = every(days=step, start=start, tz=name)
    begin = rule.local(start).replace(tzinfo=None)
    found = rule.next(start + timedelta(days=later))
    shown = rule.local(found).replace(tzinfo=None)
    if shown.time() == begin.time():
        assert (shown - begin) % timedelta(days=step) == timedelta(0)
    else:  # it was skipped: this is the moment behind the gap
        assert rule.local(found - timedelta(microseconds=1)).replace(tzinfo=None) < shown
        assert rule.local(found).utcoffset() != rule.local(found - timedelta(1)).utcoffset()


@examples(150)
@given(
    some.dates(date(1970, 1, 1), date(2099, 12, 31)),
    some.integers(1, 30),
    some.integers(-27, 0),
    some.integers(0, 500),
)
def test_months_are_counted_from_the_start(begin, months, small, number):
    rule = every(months=months, days=small, start=begin)
    expected = months_later(begin, months * number) + timedelta(days=small)
    before = datetime.combine(expected, datetime.min.time(), UTC) - timedelta(seconds=1)
    found = rule.next(before)
    if expected >= begin:
        assert found.date() == expected
    else:
        assert found.date() == months_later(begin, months) + timedelta(days=small)


def test_the_last_day_of_each_month():
    rule = every(months=1, days=-1, start=date(2026, 1, 1), tz="Europe/Berlin")
    assert days(rule, NOW - timedelta(days=87)) == [
        "01-31",
        "02-28",
        "03-31",
        "04-30",
        "05-31",
        "06-30",
    ]
    far = preview(rule, datetime(2099, 12, 1, tzinfo=UTC), 3)
    assert [str(one.local.date()) for one in far] == ["2099-12-31", "2100-01-31", "2100-02-28"]
    assert rule == every(months=1, days=-1, start="2026-01-01", tz="Europe/Berlin")


def test_a_month_that_is_too_short_has_its_last_day():
    rule = monthly(start="2026-01-31T10:00", tz="Europe/Berlin")
    assert days(rule, NOW - timedelta(days=60)) == [
        "01-31",
        "02-28",
        "03-31",
        "04-30",
        "05-31",
        "06-30",
    ]
    leap = yearly(start="2024-02-29")
    assert days(leap, NOW, 3) == ["02-28", "02-29", "02-28"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (minutes(20, start=NOW), ["28 12:20", "28 12:40", "28 13:00"]),
        (hourly(start=NOW), ["28 13:00", "28 14:00", "28 15:00"]),
        (daily(start=NOW), ["29 12:00", "30 12:00", "31 12:00"]),
        (weekly(start=NOW), ["04 12:00", "11 12:00", "18 12:00"]),
        (biweekly(start=NOW), ["11 12:00", "25 12:00", "09 12:00"]),
        (monthly(start=NOW), ["28 12:00", "28 12:00", "28 12:00"]),
        (bimonthly(start=NOW), ["28 12:00", "28 12:00", "28 12:00"]),
        (quarterly(start=NOW), ["28 12:00", "28 12:00", "28 12:00"]),
        (yearly(start=NOW), ["28 12:00", "28 12:00", "28 12:00"]),
        (daily(at="18:30"), ["28 18:30", "29 18:30", "30 18:30"]),
        (daily(at="6.30", start="2026-03-30T12:00"), ["31 06:30", "01 06:30", "02 06:30"]),
    ],
)
def test_fixed_kinds_begin_at_their_start(rule, expected):
    assert [f"{one.local:%d %H:%M}" for one in preview(rule, NOW, 3)] == expected
    if rule.start == NOW:
        assert rule.next(NOW - timedelta(days=400)) == NOW


@pytest.mark.parametrize(
    ("rule", "months"),
    [(monthly, 1), (bimonthly, 2), (quarterly, 3), (yearly, 12)],
)
def test_months_of_the_fixed_kinds(rule, months):
    found = preview(rule(start=NOW), NOW, 30)
    assert [one.utc for one in found] == [
        datetime.combine(months_later(NOW, months * number), NOW.timetz())
        for number in range(1, 31)
    ]


def test_hours_pass_and_days_are_read_from_the_clocks():
    start = datetime(2026, 3, 28, 12, tzinfo=BERLIN)
    assert clocks(every(hours=24, start=start), start, 2) == ["29 13:00+0200", "30 13:00+0200"]
    assert clocks(every(days=1, start=start), start, 2) == ["29 12:00+0200", "30 12:00+0200"]
    assert every(timedelta(days=1), start=start) == every(days=1, start=start)
    assert every(86400, start=start) == every(hours=24, start=start)


def test_without_a_start_intervals_are_counted_from_1970():
    assert clocks(every(minutes=15), NOW, 2) == ["28 12:15+0000", "28 12:30+0000"]
    assert clocks(every(weeks=1, tz="Asia/Tokyo"), NOW, 1) == ["30 00:00+0900"]
    assert clocks(monthly(tz="America/Lima"), NOW, 1) == ["01 00:00-0500"]
    assert every(hours=5).next(datetime(1969, 1, 1, tzinfo=UTC)).year == 1969
    assert every(days=5).next(datetime(1969, 1, 1, tzinfo=UTC)).year == 1969


def test_starting_counts_from_there():
    noon = NOW + timedelta(minutes=7)
    assert every(hours=1).starting(noon).next(NOW) == noon
    assert every(hours=1, start=NOW).starting(noon).start == NOW
    mixed = daily(end="2026-12-31T00:00", tz="Asia/Tokyo").starting(noon)
    assert mixed.start == datetime(2026, 3, 28, 21, 7)
    assert mixed.next(NOW) == noon


def test_a_start_in_the_second_pass_of_a_doubled_hour_is_the_first_firing():
    second = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN)
    rule = daily(start=second)
    assert clocks(rule, NOW, 2) == ["25 02:30+0100", "26 02:30+0100"]


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("90", {"seconds": 90}),
        ("1h30m", {"seconds": 5400}),
        ("1h 30m", {"seconds": 5400}),
        ("2d", {"days": 2}),
        ("2w", {"days": 14}),
        ("36h", {"seconds": 129600}),
        (2.5, {"seconds": 2.5}),
        (timedelta(days=1, hours=1), {"seconds": 90000}),
        (SimpleNamespace(months=1, days=-1), {"months": 1, "days": -1}),
    ],
)
def test_an_interval_can_be_written_in_many_ways(interval, expected):
    assert every(interval).to_json() == {"kind": "every", **expected}


def test_every_second_for_decades_is_found_at_once():
    rule = every(seconds=1, start=datetime(2000, 1, 1, tzinfo=UTC), between="3-3:10", tz="UTC")
    assert rule.next(NOW) == datetime(2026, 3, 29, 3, tzinfo=UTC)
    assert rule.next(datetime(8000, 1, 1, tzinfo=UTC)).year == 8000


def test_rules_end_where_the_calendar_ends():
    late = datetime(9990, 1, 1, tzinfo=UTC)
    for rule in (every(seconds=1), every(days=1), every(months=7), yearly(), hourly()):
        assert rule.next(late) is None
        assert rule.next(datetime.min.replace(tzinfo=UTC)).year >= 1
        assert rule.next(datetime(9988, 1, 1, tzinfo=UTC)).year >= 9988
    assert every(years=1000).next(datetime(9500, 1, 1, tzinfo=UTC)).year == 9970


def test_once_is_once():
    rule = once("2026-05-01T12:00", tz="Asia/Tokyo")
    moment = datetime(2026, 5, 1, 3, tzinfo=UTC)
    assert rule.next(NOW) == moment
    assert rule.next(moment) is None
    assert once(moment).next(NOW) == moment
    assert once(date(2026, 5, 1)).next(NOW) == datetime(2026, 5, 1, tzinfo=UTC)
    skipped = once("2026-03-29T02:30", tz="Europe/Berlin")
    assert clocks(skipped, NOW, 5) == ["29 03:00+0200"]
