"""The options that every rule takes, and how they are read."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypedDict

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.domain.suggest import unknown
from django_convoy.scheduling.rules import values
from django_convoy.scheduling.rules.holidays import ON_HOLIDAY, holidays
from django_convoy.scheduling.rules.rule import Rule
from django_convoy.scheduling.rules.terms import OUTSIDE
from django_convoy.scheduling.rules.triggers import Trigger
from django_convoy.scheduling.rules.windows import blackouts, windows
from django_convoy.scheduling.rules.zones import FOLDS, GAPS

MOST = 10**15
_DAY = timedelta(days=1)


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
    blackouts: '2026-12-24/2026-12-27', pairs of times, or windows of each day: '12:00-13:00'.
    jitter: enqueue up to so much later: seconds, a timedelta, '10m'.
    tz: IANA name of the zone whose clocks count; else that of `start`, if it has one.
    gap: an hour that the clocks skip: "after" (at once behind it), "shift" (as far behind it as it
        would have been in it), "skip".
    fold: an hour that they show twice: "first", "second", "twice".
    """

    start: datetime | date | str | None
    end: datetime | date | str | None
    repeat: int | str | None
    between: str | Iterable[Any] | None
    weekdays: Any
    outside: str
    holidays: str | Iterable[date | str] | None
    on_holiday: str
    blackouts: Any
    jitter: float | timedelta | str | None
    tz: Any
    gap: str | None
    fold: str | None


_READ: dict[str, Callable[[str, Any], Any]] = {
    "start": values.moment,
    "end": values.moment,
    "repeat": lambda field, value: values.whole(field, value, 1, MOST),
    "between": windows,
    "weekdays": values.weekdays,
    "outside": lambda field, value: values.choice(field, value, OUTSIDE),
    "holidays": holidays,
    "on_holiday": lambda field, value: values.choice(field, value, ON_HOLIDAY),
    "blackouts": blackouts,
    "jitter": lambda field, value: values.duration(field, value, _DAY, "a day"),
    "tz": values.zone_name,
    "gap": lambda field, value: values.choice(field, value, GAPS),
    "fold": lambda field, value: values.choice(field, value, FOLDS),
}


_ELSEWHERE = {"until": "end", "timezone": "tz", "time_zone": "tz", "count": "repeat"}


def check_names(options: Any, own: Iterable[str] = ()) -> None:
    """Raise InvalidSchedule for an option that there is not. own: arguments of the constructor."""
    for name in options:
        if name in _ELSEWHERE:
            told = f"unknown option {name!r}; did you mean {_ELSEWHERE[name]!r}?"
            raise InvalidSchedule(told, str(name))
        if name not in _READ:
            raise InvalidSchedule(unknown("option", name, [*_READ, *own]), str(name))


def build(trigger: Trigger, options: Any, own: Iterable[str] = ()) -> Rule:
    """Return the rule. own: names of the constructor's arguments, for the error of a wrong name.

    Raises InvalidSchedule.
    """
    check_names(options, own)
    read = {
        name: _READ[name](name, value.strip() if isinstance(value, str) else value)
        for name, value in options.items()
        if not values.blank(value)
    }
    if "tz" not in read and (name := _zone_of(options.get("start"))):
        read["tz"] = name
    if read.get("on_holiday", "skip") != "skip" and not read.get("holidays"):
        raise InvalidSchedule("on_holiday needs holidays: dates, or a country such as 'DE'")
    rule = Rule(trigger, **read)
    _check(rule)
    return rule


def _zone_of(start: Any) -> str | None:
    """Return the zone that a time brings along."""
    zone = getattr(start, "tzinfo", None)
    name = getattr(zone, "key", None)
    return name if zone is not UTC and isinstance(name, str) and name != "UTC" else None


def _check(rule: Rule) -> None:
    rule.check_kinds()
    calendar = rule.calendar
    if calendar.start is not None and calendar.start > calendar.end:
        raise InvalidSchedule(f"end must be later than start ({rule.start}), not {str(rule.end)!r}")
    if rule.first is None:
        names = ("start", "end", "between", "weekdays", "holidays", "blackouts", "gap")
        said = [name for name in names if getattr(rule, name) != getattr(Rule, name, None)]
        raise InvalidSchedule(
            f"this rule never fires: {rule.words()}; allowed: {', '.join(said) or 'a rule'} that "
            "leave a firing",
            said[0] if said else "rule",
        )
