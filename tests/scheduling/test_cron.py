"""Cron: equal to a look at each minute, on the days on which the clocks are moved."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as some

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.scheduling.rules import Rule, cron, fields, preview
from tests.scheduling.clocks import MINUTE, WEEKENDS, ZONES, Weekend, weekend
from tests.scheduling.conftest import examples

Match = Callable[[datetime], bool]

FIXED: dict[str, Match] = {
    "30 2 * * *": lambda t: (t.hour, t.minute) == (2, 30),
    "0 0 * * *": lambda t: (t.hour, t.minute) == (0, 0),
    "5,35 1-3 * * *": lambda t: t.minute in (5, 35) and t.hour in (1, 2, 3),
    "0 0-23 * * *": lambda t: t.minute == 0,
    "15 0,23 * * SUN,SAT": lambda t: t.minute == 15 and t.hour in (0, 23) and t.weekday() > 4,
    "45 1-23/2 */2 * *": lambda t: t.minute == 45 and t.hour % 2 == 1 and t.day % 2 == 1,
    "1 23 29-31 * 5": lambda t: (
        (t.hour, t.minute) == (23, 1) and (t.day in (29, 30, 31) or t.weekday() == 4)
    ),
    "59 2 L * *": lambda t: (t.hour, t.minute) == (2, 59) and (t + timedelta(1)).day == 1,
}
WILD: dict[str, Match] = {
    "0 * * * *": lambda t: t.minute == 0,
    "*/7 * * * *": lambda t: t.minute % 7 == 0,
    "*/30 2 * * *": lambda t: t.minute % 30 == 0 and t.hour == 2,
    "30 */3 * * *": lambda t: t.minute == 30 and t.hour % 3 == 0,
    "* 0-4 * * 6-7": lambda t: t.hour < 5 and t.weekday() > 4,
}
BOTH = FIXED | WILD


def once_each(days: Weekend, matching: list[datetime], gap: str, fold: str) -> set[datetime]:
    """Return when it fires, by the minutes that match."""
    found = set()
    for wall in matching:
        moments = days.walls[wall]
        if moments:
            found.update({"first": moments[:1], "second": moments[-1:], "twice": moments}[fold])
        elif gap != "skip":
            before = wall
            while not days.walls[before]:
                before -= MINUTE
            last = days.walls[before][-1]
            found.add(last + (MINUTE if gap == "after" else wall - before))
    return found


def firings(rule: Rule, days: Weekend) -> list[datetime]:
    """Return what the rule says, one after another."""
    found, after = [], days.begin + timedelta(days=1)
    while (after := rule.next(after)) and after < days.end - timedelta(days=1):
        found.append(after)
    return found


def inside(days: Weekend, found: set[datetime]) -> list[datetime]:
    margin = timedelta(days=1)
    return sorted(one for one in found if days.begin + margin < one < days.end - margin)


@pytest.mark.parametrize(("zone", "day"), WEEKENDS)
def test_it_equals_brute_force_where_clocks_are_moved(zone, day):
    days = weekend(zone, day)
    for number, (expression, match) in enumerate(BOTH.items()):
        matching = [wall for wall in days.walls if match(wall)]
        gap, fold = ("after", "first") if expression in FIXED else ("skip", "twice")
        expected = inside(days, once_each(days, matching, gap, fold))
        assert firings(cron(expression, tz=zone), days) == expected, expression
        gap = ("skip", "shift", "after")[number % 3]
        for fold in ("first", "second", "twice"):
            expected = inside(days, once_each(days, matching, gap, fold))
            rule = cron(expression, tz=zone, gap=gap, fold=fold)
            assert firings(rule, days) == expected, (expression, gap, fold)


@pytest.mark.parametrize(("zone", "day"), WEEKENDS[::3])
def test_from_any_minute_on_it_is_the_same(zone, day):
    days = weekend(zone, day)
    for expression in ("30 2 * * *", "*/30 * * * *", "0 0 * * *"):
        for fold in (None, "second"):
            rule = cron(expression, tz=zone, fold=fold)
            found = firings(rule, days)
            since = days.begin + timedelta(days=1)
            while since < days.end - timedelta(days=1, minutes=40):
                later = [one for one in found if one > since]
                if later:
                    assert rule.next(since) == later[0], (expression, since)
                since += timedelta(minutes=10)


@pytest.mark.parametrize(("zone", "day"), WEEKENDS)
def test_seconds_do_not_change_what_happens_in_gaps_and_folds(zone, day):
    days = weekend(zone, day)
    for expression in ("30 2 * * *", "0 0 * * *", "0 * * * *", "*/30 2 * * *"):
        with_seconds = cron(f"0 {expression}", tz=zone)
        assert firings(with_seconds, days) == firings(cron(expression, tz=zone), days)


@some.composite
def expressions(draw) -> str:
    """Expressions of all kinds that have a match within some years."""

    def field(low: int, high: int) -> str:
        number = some.integers(low, high)
        kind = draw(some.integers(0, 4))
        if kind == 0:
            return "*"
        if kind == 1:
            return f"*/{draw(some.integers(1, high))}"
        if kind == 2:
            return ",".join(map(str, draw(some.lists(number, min_size=1, max_size=3))))
        if kind == 3:
            first, last = sorted((draw(number), draw(number)))
            return f"{first}-{last}"
        return str(draw(number))

    days = some.sampled_from(["L", "LW", "1", "28", "15"]) if draw(some.booleans()) else None
    dow = draw(some.sampled_from(["*", "*", "MON-FRI", "SUN", "5L", "1#2", "7", "tue,thu"]))
    day = draw(days) if days is not None else field(1, 28)
    return f"{field(0, 59)} {field(0, 23)} {day} {field(1, 12)} {dow}"


MOMENTS = some.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=some.just(UTC))


@examples(150)
@given(expressions(), some.sampled_from(ZONES), MOMENTS)
def test_it_equals_cronsim_but_where_that_goes_back(expression, zone, after):
    info = ZoneInfo(zone)
    theirs = CronSim(expression, after.astimezone(info))
    expected = next(theirs, None)
    try:
        rule = cron(expression, tz=zone)
    except InvalidSchedule as error:
        assert expected is None and "never fires" in str(error)
        return
    while expected is not None and expected.astimezone(UTC) <= after:
        expected = next(theirs, None)  # in the second pass of a doubled hour it begins anew
    found = rule.next(after)
    assert found == (expected and expected.astimezone(UTC))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 L * *", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("0 0 LW * *", ["2026-01-30", "2026-02-27", "2026-03-31"]),
        ("0 0 * * 5L", ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ("0 0 * * 1#2", ["2026-01-12", "2026-02-09", "2026-03-09"]),
        ("0 0 13 * 5", ["2026-01-02", "2026-01-09", "2026-01-13"]),
        ("0 0 * JAN-MAR MON", ["2026-01-05", "2026-01-12", "2026-01-19"]),
        ("0 0 29 2 *", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("0 0 * 2 1#5", ["2044-02-29", "2072-02-29", "2112-02-29"]),
        ("@yearly", ["2027-01-01", "2028-01-01", "2029-01-01"]),
        ("@annually", ["2027-01-01", "2028-01-01", "2029-01-01"]),
        ("@monthly", ["2026-02-01", "2026-03-01", "2026-04-01"]),
        ("@weekly", ["2026-01-04", "2026-01-11", "2026-01-18"]),
        ("@Daily", ["2026-01-02", "2026-01-03", "2026-01-04"]),
        ("@midnight", ["2026-01-02", "2026-01-03", "2026-01-04"]),
    ],
)
def test_days_of_all_kinds(expression, expected):
    found = preview(cron(expression), datetime(2026, 1, 1, tzinfo=UTC), 3)
    assert [str(one.local.date()) for one in found] == expected
    assert all(one.local.time() == datetime.min.time() for one in found)


def test_six_fields_begin_with_seconds():
    found = preview(cron("*/20 59 23 * * *"), datetime(2026, 1, 1, tzinfo=UTC), 4)
    assert [f"{one.utc:%d %T}" for one in found] == [
        "01 23:59:00",
        "01 23:59:20",
        "01 23:59:40",
        "02 23:59:00",
    ]
    assert cron("@hourly").next(datetime(2026, 1, 1, 5, 30, tzinfo=UTC)).hour == 6


def test_fields_are_iso_weekdays_in_utc():
    rule = fields(days=[1, 7], hours="0,12", minutes=30)
    found = preview(rule, datetime(2026, 1, 1, tzinfo=UTC), 4)
    assert [f"{one.utc:%a %H:%M}" for one in found] == [
        "Sun 00:30",
        "Sun 12:30",
        "Mon 00:30",
        "Mon 12:30",
    ]
    assert rule.tz == "UTC"
    assert rule.zoned("Europe/Berlin").tz == "UTC"
    assert fields(hours=range(24), minutes="*", tz="Asia/Tokyo").tz == "Asia/Tokyo"
