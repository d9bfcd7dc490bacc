"""Each rule in a sentence."""

from datetime import UTC, datetime

import pytest

from django_convoy.scheduling.rules import (
    biweekly,
    cron,
    daily,
    every,
    fields,
    hourly,
    minutes,
    monthly,
    once,
    quarterly,
    weekly,
    yearly,
)

START = datetime(2026, 3, 31, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (once(START), "Once, at 2026-03-31 09:30:00 UTC (UTC)"),
        (once("2026-03-31T09:30", tz="Asia/Tokyo"), "Once, at 2026-03-31 09:30:00 (Asia/Tokyo)"),
        (every(1), "Every second (UTC)"),
        (every(90), "Every 1 minute and 30 seconds (UTC)"),
        (every(1.5), "Every 1.5 seconds (UTC)"),
        (minutes(10), "Every 10 minutes (UTC)"),
        (hourly(start=START), "Every hour, counted from 2026-03-31 09:30:00 (UTC)"),
        (every(hours=36), "Every 1 day and 12 hours (UTC)"),
        (daily(), "Every day at 00:00 (UTC)"),
        (daily(at="18:30"), "Every day at 18:30 (UTC)"),
        (every(days=3, start=START), "Every 3 days at 09:30, counted from 2026-03-31 (UTC)"),
        (weekly(start=START), "Every week on Tuesday at 09:30, from 2026-03-31 09:30:00 UTC (UTC)"),
        (biweekly(), "Every 2 weeks on Monday at 00:00, counted from 1970-01-05 (UTC)"),
        (monthly(), "Every month on day 1 at 00:00 (UTC)"),
        (
            monthly(start="2026-03-31"),
            "Every month on day 31 or the last day of the month at 00:00, from 2026-03-31 (UTC)",
        ),
        (
            every(months=1, days=-1, start="2026-01-01"),
            "Every month on day 1 at 00:00, less 1 day, from 2026-01-01 (UTC)",
        ),
        (quarterly(), "Every 3 months on day 1 at 00:00, counted from 1970-01-01 (UTC)"),
        (yearly(start="2026-12-24"), "Every year on 24 December at 00:00, from 2026-12-24 (UTC)"),
        (
            every(years=1, months=1),
            "Every 13 months on day 1 at 00:00, counted from 1970-01-01 (UTC)",
        ),
        (every(months=1, days=2), "Every month and 2 days, counted from 1970-01-01 00:00 (UTC)"),
        (every(days=1, hours=6), "Every 1 day and 6 hours, counted from 1970-01-01 00:00 (UTC)"),
        (cron("0 3 * * *", tz="Europe/Berlin"), "At 03:00 every day (Europe/Berlin)"),
        (cron("@daily"), "At 00:00 every day (UTC)"),
        (cron("0 0 * * 5L"), "At 00:00 on the last Friday of the month (UTC)"),
        (fields(hours=[9, 12], days=1), "Every minute past hours 9 and 12 on Monday (UTC)"),
        (
            daily(
                at="9:00",
                between="8-12, 22-6",
                weekdays="mon-fri",
                outside="move",
                holidays=["2026-12-25"],
                on_holiday="before",
                blackouts=["11-12", "2026-08-01/2026-08-20"],
                start="2026-01-01",
                end="2026-12-31",
                repeat=100,
                jitter=90,
                gap="shift",
                fold="second",
                tz="Europe/Berlin",
            ),
            "Every day at 09:00, only from 08:00 to 12:00 and from 22:00 to 06:00, only on Monday "
            "to Friday, not from 11:00 to 12:00 and from 2026-08-01 to 2026-08-20, else at the "
            "next time that is allowed, on the last day before a holiday (2026-12-25), from "
            "2026-01-01, until 2026-12-31, 100 times, up to 1 minute and 30 seconds later, later "
            "by the hour that the clocks skip, the second time in an hour that "
            "comes twice (Europe/Berlin)",
        ),
        (
            daily(weekdays=[1, 3], repeat=1, gap="skip", fold="twice"),
            "Every day at 00:00, only on Tuesday and Thursday, only once, not in an hour that the "
            "clocks skip, both times in an hour that comes twice (UTC)",
        ),
    ],
)
def test_a_rule_in_words(rule, said):
    assert rule.words() == said
