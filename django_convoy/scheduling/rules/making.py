"""The constructors of rules: what people write in code, forms and commands.

All take strings where there is a way to write the value: times as ISO 8601, weekdays as "mon-fri",
windows as "2:00/18:30".
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, TypedDict, Unpack

from django_convoy.scheduling.rules.rule import Rule


class Options(TypedDict, total=False):
    """What every rule takes beside its own arguments.

    start, end: no firing before, or after; intervals are counted from the start. A date is its
        first, or last, moment. Both aware, or both naive: then on the clocks of `tz`.
    repeat: how many firings in all.
    between: '9-17', '2:00/18:30', '22-6' (over midnight), several with commas. Both ends count.
    weekdays: 'mon-fri', 0 (Monday) to 6, dateutil's MO..SU, or a list of them.
    outside: what becomes of a firing outside of `between`, on another weekday or in a blackout:
        "skip", or "move" to the next time that is allowed.
    holidays: dates, or a country as the package `holidays` names it: 'DE', 'DE-BY'.
    on_holiday: "skip", or move the firing to the last day "before" or the first day "after".
    blackouts: pairs of times, '2026-12-24/2026-12-27', or windows of each day: '12:00-13:00'.
    jitter: enqueue up to so much later (seconds, timedelta).
    tz: IANA name of the zone whose clocks count.
    gap: an hour that the clocks skip: "after" (at once behind it), "shift" (as far behind it as it
        would have been in it), "skip".
    fold: an hour that they show twice: "first", "second", "twice".
    """

    start: datetime | date | str | None
    end: datetime | date | str | None
    repeat: int | None
    between: str | None
    weekdays: Any
    outside: str
    holidays: str | Iterable[date | str] | None
    on_holiday: str
    blackouts: Any
    jitter: float | timedelta
    tz: str | None
    gap: str | None
    fold: str | None


def once(at: datetime | date | str, **options: Unpack[Options]) -> Rule:
    """Fire at one time."""
    raise NotImplementedError


def every(
    interval: Any = None,
    *,
    years: int = 0,
    months: int = 0,
    weeks: int = 0,
    days: int = 0,
    hours: float = 0,
    minutes: float = 0,
    seconds: float = 0,
    **options: Unpack[Options],
) -> Rule:
    """Fire at the start, and again after each interval.

    interval: seconds, a timedelta or a relativedelta; or say years= to seconds=.
    """
    raise NotImplementedError


def cron(expression: str, **options: Unpack[Options]) -> Rule:
    """Fire when the clocks match an expression of 5 or 6 fields (seconds first), or @daily etc."""
    raise NotImplementedError


def fields(
    *, hours: Any = "*", minutes: Any = "*", days: Any = "*", **options: Unpack[Options]
) -> Rule:
    """Fire at these minutes of these hours; days: 1 (Monday) to 7. In UTC unless `tz` is given."""
    raise NotImplementedError


def minutes(count: int = 1, **options: Unpack[Options]) -> Rule:
    """Fire every so many minutes."""
    raise NotImplementedError


def hourly(**options: Unpack[Options]) -> Rule:
    """Fire every hour."""
    raise NotImplementedError


def daily(*, at: str | None = None, **options: Unpack[Options]) -> Rule:
    """Fire every day. at: the time of day, '18:30'; else that of the start."""
    raise NotImplementedError


def weekly(*, at: str | None = None, **options: Unpack[Options]) -> Rule:
    """Fire every week, on the weekday of the start."""
    raise NotImplementedError


def biweekly(*, at: str | None = None, **options: Unpack[Options]) -> Rule:
    """Fire every two weeks."""
    raise NotImplementedError


def monthly(*, at: str | None = None, **options: Unpack[Options]) -> Rule:
    """Fire every month, on the day of the start, or the month's last day if it has no such day."""
    raise NotImplementedError


def bimonthly(*, at: str | None = None, **options: Unpack[Options]) -> Rule:
    """Fire every two months."""
    raise NotImplementedError


def quarterly(*, at: str | None = None, **options: Unpack[Options]) -> Rule:
    """Fire every three months."""
    raise NotImplementedError


def yearly(*, at: str | None = None, **options: Unpack[Options]) -> Rule:
    """Fire every year."""
    raise NotImplementedError
