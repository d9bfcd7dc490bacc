"""The constructors of rules: what people write in code, forms and commands.

All take texts where there is a way to write the value: times as ISO 8601, weekdays as "mon-fri",
windows as "2:00/18:30".
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, Unpack

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.scheduling.rules import values
from django_convoy.scheduling.rules.cronline import Cron, parse
from django_convoy.scheduling.rules.options import Options, build, check_names
from django_convoy.scheduling.rules.rule import KINDS, Rule
from django_convoy.scheduling.rules.triggers import Elapsed, Once, Steps, Trigger

UNITS = ("years", "months", "weeks", "days", "hours", "minutes", "seconds", "microseconds")
_PLACES = ("year", "month", "day", "weekday", "hour", "minute", "second", "microsecond")
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


def once(at: datetime | date | str, **options: Unpack[Options]) -> Rule:
    """Fire at one time."""
    found = values.moment("at", at)
    if not isinstance(found, datetime):
        found = datetime.combine(found, time())
    return build(Once(found), options, ("at",))


def every(
    interval: Any = None,
    *,
    years: float = 0,
    months: float = 0,
    weeks: float = 0,
    days: float = 0,
    hours: float = 0,
    minutes: float = 0,
    seconds: float = 0,
    at: str | time | None = None,
    **options: Unpack[Options],
) -> Rule:
    """Fire at the start, and again after each interval.

    interval: seconds, a timedelta or a relativedelta; or say years= to seconds=.
    at: the time of day, for days and longer; else that of the start, or midnight.
    Without a start intervals are counted from 1970-01-01, weeks from a Monday.
    """
    own = ("interval", *UNITS[:-1], "at")
    check_names(options, own)
    named = dict(zip(UNITS, (years, months, weeks, days, hours, minutes, seconds), strict=False))
    if interval is not None:
        if any(named.values()):
            raise InvalidSchedule("interval: give either it or years= to seconds=, not both")
        named = _parts(interval)
    given = "" if interval is None else repr(interval)
    trigger = _trigger(named, None if values.blank(at) else values.clock("at", at), given)
    return build(trigger, options, own)


def _parts(interval: Any) -> dict[str, Any]:
    """Return the units of an interval."""
    if hasattr(interval, "months"):  # a relativedelta, which is told by its looks
        places = [name for name in _PLACES if getattr(interval, name, None) is not None]
        if places:
            raise InvalidSchedule(
                f"interval cannot have {places[0]}=, a place in the calendar; allowed: months=1, "
                "days=-1 and the like, with an s, or cron()"
            )
        return {
            name: getattr(interval, name, 0)
            for name in UNITS
            if name != "weeks"  # they are among its days
        }
    span = values.duration("interval", interval)
    if isinstance(interval, timedelta | str) and span and not span % _DAY:
        return {"days": span.days}  # whole days are days of the calendar
    return {"seconds": span.total_seconds()}


def _trigger(named: dict[str, Any], at: time | None, given: str) -> Trigger:
    """Return what the units say: with days or more, steps of the calendar.

    given: what they were made of, if anything.
    """
    read = {name: values.number(name, value) for name, value in named.items() if value}
    for name in ("years", "months", "weeks", "days"):
        if not isinstance(read.get(name, 0), int):
            values.refuse(name, "a whole number", named[name])
    months = int(read.get("years", 0) * 12 + read.get("months", 0))
    days = int(read.get("weeks", 0) * 7 + read.get("days", 0))
    rest = timedelta(**{name: read[name] for name in UNITS[4:] if name in read})
    small = timedelta(days=days) + rest
    said = given or ", ".join(f"{name}={value}" for name, value in named.items() if value) or "0"
    if months < 0 or (months == 0 and small < _SECOND):
        raise InvalidSchedule(
            f"interval must be a second or longer, not {said}; only beside months may the rest "
            "be negative: months=1, days=-1"
        )
    if months > 12000 or abs(small) > values.LONGEST:
        raise InvalidSchedule(f"interval must be at most 1000 years, not {said}")
    if months and small < -28 * months * _DAY:
        raise InvalidSchedule(f"interval must not go back farther than its months, not {said}")
    if months or days:
        if at is not None and rest:
            raise InvalidSchedule(f"at is for days and longer, not for {said}", "at")
        return Steps(months, days, rest, at)
    if at is not None:
        raise InvalidSchedule(f"at is for days and longer, not for {said}", "at")
    return Elapsed(rest)


def cron(expression: str, **options: Unpack[Options]) -> Rule:
    """Fire when the clocks match an expression of 5 or 6 fields (seconds first), or @daily etc."""
    if not isinstance(expression, str):
        values.refuse("cron", "an expression such as '0 3 * * *'", expression)
    expression = " ".join(expression.split())
    parse(expression)
    return build(Cron(expression), options, ("expression",))


def fields(
    *,
    hours: Any = "*",
    minutes: Any = "*",
    days: Any = "*",
    **options: Unpack[Options],
) -> Rule:
    """Fire at these minutes of these hours; days: 1 (Monday) to 7. In UTC unless `tz` is given.

    Each is '*', a number, a list of numbers or a text of them with commas.
    """
    expression = (
        f"{_listed('minutes', minutes, 0, 59)} {_listed('hours', hours, 0, 23)} * * "
        f"{_listed('days', days, 1, 7)}"
    )
    if values.blank(options.get("tz")):
        options["tz"] = "UTC"
    return build(Cron(expression), options, ("hours", "minutes", "days"))


def _listed(field: str, value: Any, least: int, most: int) -> str:
    if value == "*":
        return "*"
    allowed = f"'*' or numbers from {least} to {most}"
    if isinstance(value, str):
        value = value.split(",")
    elif not isinstance(value, Iterable):
        value = [value]
    found = {_number(field, one, least, most, allowed) for one in value}
    if not found:
        values.refuse(field, allowed, value)
    return ",".join(map(str, sorted(found)))


def _number(field: str, value: Any, least: int, most: int, allowed: str) -> int:
    try:
        return values.whole(field, value, least, most)
    except InvalidSchedule:
        values.refuse(field, allowed, value)


def minutes(minutes: Any = 1, **options: Unpack[Options]) -> Rule:
    """Fire every so many minutes."""
    return build(
        Elapsed(timedelta(minutes=values.whole("minutes", minutes, 1, 10**8))),
        options,
        ("minutes",),
    )


def hourly(**options: Unpack[Options]) -> Rule:
    """Fire every hour."""
    return build(Elapsed(timedelta(hours=1)), options)


def _fixed(at: str | time | None, options: Any, months: int = 0, days: int = 0) -> Rule:
    clock = None if values.blank(at) else values.clock("at", at)
    return build(Steps(months, days, at=clock), options, ("at",))


def daily(*, at: str | time | None = None, **options: Unpack[Options]) -> Rule:
    """Fire every day. at: the time of day, '18:30'; else that of the start."""
    return _fixed(at, options, days=1)


def weekly(*, at: str | time | None = None, **options: Unpack[Options]) -> Rule:
    """Fire every week, on the weekday of the start, or on Mondays."""
    return _fixed(at, options, days=7)


def biweekly(*, at: str | time | None = None, **options: Unpack[Options]) -> Rule:
    """Fire every two weeks."""
    return _fixed(at, options, days=14)


def monthly(*, at: str | time | None = None, **options: Unpack[Options]) -> Rule:
    """Fire every month, on the day of the start, or the month's last day if it has no such day."""
    return _fixed(at, options, months=1)


def bimonthly(*, at: str | time | None = None, **options: Unpack[Options]) -> Rule:
    """Fire every two months."""
    return _fixed(at, options, months=2)


def quarterly(*, at: str | time | None = None, **options: Unpack[Options]) -> Rule:
    """Fire every three months."""
    return _fixed(at, options, months=3)


def yearly(*, at: str | time | None = None, **options: Unpack[Options]) -> Rule:
    """Fire every year."""
    return _fixed(at, options, months=12)


KINDS.update(
    {
        make.__name__: make
        for make in (
            *(once, every, cron, fields, minutes, hourly, daily, weekly, biweekly),
            *(monthly, bimonthly, quarterly, yearly),
        )
    }
)
