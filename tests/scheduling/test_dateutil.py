"""What `dateutil` has is understood, though it is no dependency."""

from datetime import UTC, datetime

import pytest

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.scheduling.rules import daily, every, preview

dateutil = pytest.importorskip("dateutil.relativedelta")
relativedelta, MO, TU, FR, SU = (
    getattr(dateutil, name) for name in ("relativedelta", "MO", "TU", "FR", "SU")
)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (relativedelta(years=1, months=1), {"months": 13}),
        (relativedelta(weeks=2), {"days": 14}),
        (relativedelta(hours=2), {"seconds": 7200}),
        (relativedelta(months=1, days=-1), {"months": 1, "days": -1}),
        (relativedelta(days=1, minutes=90), {"days": 1, "seconds": 5400}),
    ],
)
def test_an_interval_may_be_a_relativedelta(interval, expected):
    assert every(interval).to_json() == {"kind": "every", **expected}


def test_months_are_those_of_dateutil():
    for months in (1, 2, 3, 12, 13):
        rule = every(relativedelta(months=months), start="2024-01-31")
        found = preview(rule, datetime(2024, 1, 31, tzinfo=UTC), 50)
        assert [one.utc for one in found] == [
            datetime(2024, 1, 31, tzinfo=UTC) + relativedelta(months=months * number)
            for number in range(1, 51)
        ]


def test_weekdays_may_be_those_of_dateutil():
    assert daily(weekdays=[MO, TU, FR]).weekdays == {0, 1, 4}
    assert daily(weekdays=SU).weekdays == {6}
    assert daily(weekdays=SU).next(NEW_YEAR) == datetime(2026, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (relativedelta(day=31), "day="),
        (relativedelta(days=1, weekday=MO), "weekday="),
        (relativedelta(months=1, hour=3), "hour="),
    ],
)
def test_a_place_in_the_calendar_is_no_interval(given, field):
    with pytest.raises(InvalidSchedule, match=f"interval cannot have {field}.*allowed: months=1"):
        every(given)


def test_the_nth_weekday_of_a_month_is_for_cron():
    with pytest.raises(InvalidSchedule, match=r"weekdays cannot be MO\(\+2\).*1#2"):
        daily(weekdays=MO(2))
