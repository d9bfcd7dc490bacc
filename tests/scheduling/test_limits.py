"""What limits a rule: windows, weekdays, holidays, blackouts, an end, a number of firings."""

import sys
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from holidays import country_holidays

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.scheduling.rules import Rule, cron, daily, every, hourly, once, preview
from django_convoy.scheduling.rules.holidays import dates_of

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def said(rule, count=4, after=MONDAY, fired=0):
    return [f"{one.local:%a %d %H:%M}" for one in preview(rule, after, count, fired)]


@pytest.mark.parametrize(
    ("between", "stored"),
    [
        ("2:00/18:30", "02:00-18:30"),
        ("2.00-18.30", "02:00-18:30"),
        ("2-18:30", "02:00-18:30"),
        ("02:00:00 - 18:30:00", "02:00-18:30"),
        ("0-6", "00:00-06:00"),
        ("8-24", "08:00-24:00"),
        ("22-6", "22:00-06:00"),
        ("9:00:01-9:00:05", "09:00:01-09:00:05"),
        ("13-17, 8-12", "08:00-12:00, 13:00-17:00"),
        (["13-17", "8/12"], "08:00-12:00, 13:00-17:00"),
    ],
)
def test_windows_can_be_written_in_many_ways(between, stored):
    assert every(seconds=1, between=between).to_json()["between"] == stored


def test_both_ends_of_a_window_count():
    rule = every(minutes=30, between="2/3:30")
    assert said(rule, 5) == [
        "Mon 02 02:00",
        "Mon 02 02:30",
        "Mon 02 03:00",
        "Mon 02 03:30",
        "Tue 03 02:00",
    ]
    night = hourly(between="22-2")
    assert said(night, 6) == [
        "Mon 02 01:00",
        "Mon 02 02:00",
        "Mon 02 22:00",
        "Mon 02 23:00",
        "Tue 03 00:00",
        "Tue 03 01:00",
    ]


def test_what_is_outside_can_be_moved_to_the_next_opening():
    rule = daily(at="20:00", between="2:00/18:30", outside="move", start="2026-03-02")
    assert said(rule, 2) == ["Tue 03 02:00", "Wed 04 02:00"]
    assert said(daily(at="20:00", weekdays="tue,fri", outside="move"), 3) == [
        "Tue 03 00:00",  # Monday's
        "Tue 03 20:00",
        "Fri 06 00:00",  # those of Wednesday and Thursday
    ]
    quarter = every(
        minutes=30, start=MONDAY + timedelta(minutes=15), between="9-10", outside="move"
    )
    assert said(quarter, 4) == ["Mon 02 09:00", "Mon 02 09:15", "Mon 02 09:45", "Tue 03 09:00"]


@pytest.mark.parametrize(
    "weekdays",
    [
        "mon-fri",
        "MO,TU,WE,TH,FR",
        "monday-friday",
        "0-4",
        [0, 1, 2, 3, 4],
        range(5),
        "0, 1, 2, 3, 4",
        ["mon", "tue", "wed", "thu", "fri"],
        (SimpleNamespace(weekday=n) for n in range(5)),
    ],
)
def test_weekdays_can_be_written_in_many_ways(weekdays):
    rule = daily(weekdays=weekdays)
    assert rule.to_json()["weekdays"] == "mon,tue,wed,thu,fri"
    assert said(rule, 2, MONDAY + timedelta(days=4, hours=-1)) == ["Fri 06 00:00", "Mon 09 00:00"]


def test_a_range_of_weekdays_goes_over_sunday():
    assert daily(weekdays="fri-mon").weekdays == {4, 5, 6, 0}
    assert daily(weekdays=6).weekdays == {6}


@pytest.mark.parametrize(
    ("on_holiday", "expected"),
    [
        ("skip", ["Tue 03 09:00", "Fri 06 09:00"]),
        ("before", ["Tue 03 09:00", "Fri 06 09:00"]),
        ("after", ["Tue 03 09:00", "Fri 06 09:00"]),
    ],
)
def test_each_day_of_a_run_of_holidays_ends_up_on_the_same_day(on_holiday, expected):
    holidays = ["2026-03-04", "2026-03-05"]
    rule = daily(at="9:00", holidays=holidays, on_holiday=on_holiday)
    assert said(rule, 2, MONDAY + timedelta(days=1)) == expected


@pytest.mark.parametrize(
    ("on_holiday", "expected"),
    [
        ("skip", ["Wed 11 09:00", "Wed 18 09:00"]),
        ("before", ["Tue 03 09:00", "Wed 11 09:00"]),
        ("after", ["Fri 06 09:00", "Wed 11 09:00"]),
    ],
)
def test_a_firing_on_a_holiday_is_skipped_or_moved(on_holiday, expected):
    holidays = [date(2026, 3, 4), "2026-03-05"]
    rule = cron("0 9 * * WED", holidays=holidays, on_holiday=on_holiday)
    assert said(rule, 2) == expected


def test_a_firing_is_moved_past_days_that_are_closed_anyway():
    rule = cron(
        "0 9 * * *", holidays=["2026-03-06"], on_holiday="after", weekdays="mon-thu,fri"
    )  # Friday's goes to Monday, which has one at this time
    assert said(rule, 3, MONDAY + timedelta(days=3)) == [
        "Thu 05 09:00",
        "Mon 09 09:00",
        "Tue 10 09:00",
    ]
    single = once("2026-03-06T12:00", holidays=["2026-03-06"], on_holiday="after", weekdays="0-4")
    assert said(single) == ["Mon 09 12:00"]
    aware = once(MONDAY + timedelta(hours=5), holidays=["2026-03-02"], on_holiday="before")
    assert said(aware, after=MONDAY - timedelta(days=9)) == ["Sun 01 05:00"]


def test_intervals_of_hours_skip_holidays():
    rule = every(hours=12, holidays=["2026-03-03"])
    assert said(rule, 3) == ["Mon 02 12:00", "Wed 04 00:00", "Wed 04 12:00"]


def test_a_country_is_asked_for_its_holidays(monkeypatch):
    asked = []

    def country_holidays(country, subdiv=None):
        asked.append((country, subdiv))
        if country == "XX":
            raise NotImplementedError("Country XX not available")
        return {date(2026, 3, 4): "A day"}

    package = SimpleNamespace(
        country_holidays=country_holidays, list_supported_countries=lambda: {"DE": ["BY"]}
    )
    monkeypatch.setitem(sys.modules, "holidays", package)
    dates_of.cache_clear()
    try:
        rule = daily(holidays="de-by")
        assert said(rule, 2, MONDAY + timedelta(days=1)) == ["Thu 05 00:00", "Fri 06 00:00"]
        assert Rule.from_json(rule.to_json()) == rule
        assert rule.to_json()["holidays"] == "DE-BY"
        assert asked == [("DE", "BY")]
        with pytest.raises(InvalidSchedule, match=r"holidays must be a country .* not 'XX'"):
            daily(holidays="XX")
    finally:
        dates_of.cache_clear()


def test_the_holidays_of_a_country_are_those_of_the_package():
    noon = {"at": "12:00", "tz": "Europe/Berlin"}
    bavaria = daily(holidays="DE-BY", **noon)
    days = [one.local.date() for one in preview(bavaria, datetime(2026, 1, 1, tzinfo=UTC), 353)]
    assert days[-1] == date(2026, 12, 31)
    missing = {date(2026, 1, 1) + timedelta(days=n) for n in range(365)} - set(days)
    assert date(2026, 1, 6) in missing  # Epiphany, which the country does not have
    assert missing == set(country_holidays("DE", subdiv="BY", years=2026))
    country = daily(holidays="DE", **noon)
    assert said(country, 1, datetime(2026, 1, 5, 12, tzinfo=UTC)) == ["Tue 06 12:00"]
    for on_holiday, expected in (("before", "Thu 24 12:00"), ("after", "Sun 27 12:00")):
        christmas = cron("0 12 25 12 *", holidays="de", on_holiday=on_holiday, tz="Europe/Berlin")
        assert said(christmas, 1, datetime(2026, 12, 1, tzinfo=UTC)) == [expected]
    with pytest.raises(InvalidSchedule, match=r"not 'XX'.*; allowed: codes of ISO 3166"):
        daily(holidays="XX")
    with pytest.raises(InvalidSchedule, match=r"not 'DE-XX'.*; its parts: there are: .*BY"):
        daily(holidays="DE-XX")


def test_without_the_package_a_country_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "holidays", None)
    dates_of.cache_clear()
    with pytest.raises(InvalidSchedule, match=r"^holidays: 'DE' needs .*pip install holidays"):
        daily(holidays="DE")


def test_nothing_fires_in_a_blackout():
    rule = every(
        hours=6,
        blackouts=["2026-03-02T06:00/2026-03-02T18:00", "2026-03-03/2026-03-04", "0-1"],
    )
    assert said(rule, 3) == ["Mon 02 18:00", "Thu 05 06:00", "Thu 05 12:00"]
    moved = every(hours=6, blackouts=["2026-03-02T07:00/2026-03-03T01:00"], outside="move")
    assert said(moved, 3) == ["Mon 02 06:00", "Tue 03 01:00", "Tue 03 06:00"]


@pytest.mark.parametrize(
    "blackouts",
    [
        "2026-03-03",
        [date(2026, 3, 3)],
        [("2026-03-03", "2026-03-03")],
        ["2026-03-03/2026-03-03"],
        "2026-03-03T00:00/2026-03-04T00:00",
        [(datetime(2026, 3, 3), datetime(2026, 3, 4))],
        [(MONDAY + timedelta(days=1), MONDAY + timedelta(days=2))],
        ["2026-03-03T00:00/2026-03-03T12:00", "2026-03-03T08:00/2026-03-04T00:00"],
    ],
)
def test_blackouts_can_be_written_in_many_ways(blackouts):
    rule = daily(blackouts=blackouts)
    assert said(rule, 2) == ["Wed 04 00:00", "Thu 05 00:00"]
    assert Rule.from_json(rule.to_json()) == rule


def test_start_and_end_count():
    rule = daily(start="2026-03-03", end="2026-03-04")
    assert said(rule, 9) == ["Tue 03 00:00", "Wed 04 00:00"]
    exact = hourly(start=MONDAY, end=MONDAY + timedelta(hours=2))
    assert said(exact, 9) == ["Mon 02 01:00", "Mon 02 02:00"]
    assert said(cron("0 12 * * *", start="2026-03-05T12:00"), 1) == ["Thu 05 12:00"]


def test_an_end_in_a_zone_is_the_end_of_its_day():
    rule = hourly(end=date(2026, 3, 2), tz="America/New_York")
    last = preview(rule, MONDAY, 100)[-1]
    assert last.local.isoformat() == "2026-03-02T23:00:00-05:00"


def test_repeat_counts_what_was_fired():
    rule = daily(repeat=3)
    assert len(said(rule, 10)) == 3
    assert len(said(rule, 10, fired=2)) == 1
    assert rule.next(MONDAY, 3) is None


def test_windows_on_the_days_on_which_clocks_are_moved():
    autumn = every(minutes=30, between="2:15-2:45", tz="Europe/Berlin")
    found = preview(autumn, datetime(2026, 10, 24, 12, tzinfo=UTC), 3)
    assert [one.local.isoformat()[8:] for one in found] == [
        "25T02:30:00+02:00",
        "25T02:30:00+01:00",
        "26T02:30:00+01:00",
    ]
    spring = every(minutes=30, between="2:15-2:45", tz="Europe/Berlin")
    found = preview(spring, datetime(2026, 3, 28, 12, tzinfo=UTC), 1)
    assert found[0].local.isoformat() == "2026-03-30T02:30:00+02:00"


def test_all_that_was_said_survives_json():
    rule = daily(
        at="9:00",
        between="8:00:30-12",
        weekdays="mon-fri",
        outside="move",
        holidays=["2026-12-25"],
        on_holiday="after",
        blackouts=["11-11:30", "2026-08-01/2026-08-20", "2026-09-01T12:00/2026-09-01T13:00"],
        start="2026-01-01",
        end="2026-12-31T12:00",
        repeat=7,
        jitter=timedelta(seconds=90, milliseconds=500),
        gap="skip",
        fold="twice",
        tz="Europe/Berlin",
    )
    assert rule.to_json() == {
        "kind": "every",
        "days": 1,
        "at": "09:00:00",
        "tz": "Europe/Berlin",
        "repeat": 7,
        "outside": "move",
        "on_holiday": "after",
        "gap": "skip",
        "fold": "twice",
        "start": "2026-01-01",
        "end": "2026-12-31T12:00:00",
        "between": "08:00:30-12:00",
        "weekdays": "mon,tue,wed,thu,fri",
        "holidays": ["2026-12-25"],
        "blackouts": [
            "11:00-11:30",
            "2026-08-01/2026-08-20",
            "2026-09-01T12:00:00/2026-09-01T13:00:00",
        ],
        "jitter": 90.5,
    }
    assert Rule.from_json(rule.to_json()) == rule


@pytest.mark.parametrize("on_holiday", ["skip", "before", "after"])
def test_a_rule_whose_days_are_all_holidays_never_fires(on_holiday):
    year = [date(2026, 1, 1) + timedelta(days=n) for n in range(5000)]
    options = {"holidays": year, "on_holiday": on_holiday, "start": year[0], "end": year[365]}
    with pytest.raises(InvalidSchedule, match="never fires"):
        daily(**options)
