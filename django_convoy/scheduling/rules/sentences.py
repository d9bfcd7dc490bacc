"""Says a rule in words."""

from datetime import date, datetime

from django_convoy.scheduling.rules.calendars import Calendar
from django_convoy.scheduling.rules.days import ALL
from django_convoy.scheduling.rules.terms import MOVE, Terms
from django_convoy.scheduling.rules.triggers import amount
from django_convoy.scheduling.rules.values import WEEKDAYS
from django_convoy.scheduling.rules.windows import Window
from django_convoy.scheduling.rules.zones import AFTER, FIRST, SECOND, SHIFT, SKIP, TWICE

_GAPS = {
    AFTER: "at once after an hour that the clocks skip",
    SHIFT: "later by the hour that the clocks skip",
    SKIP: "not in an hour that the clocks skip",
}
_FOLDS = {
    FIRST: "the first time in an hour that comes twice",
    SECOND: "the second time in an hour that comes twice",
    TWICE: "both times in an hour that comes twice",
}


def words(terms: Terms, calendar: Calendar) -> str:
    """Return a sentence: what fires it, then what limits it."""
    start = None if calendar.start is None else calendar.zone.wall(calendar.start)
    parts = [terms.trigger.words(start), *_limits(terms)]
    if terms.start is not None and "counted from" not in parts[0]:
        parts.append(f"from {_time(terms.start)}")
    if terms.end is not None:
        parts.append(f"until {_time(terms.end)}")
    if terms.repeat is not None:
        parts.append(f"{terms.repeat} times" if terms.repeat > 1 else "only once")
    if terms.jitter:
        parts.append(f"up to {amount(terms.jitter)} later")
    if terms.gap:
        parts.append(_GAPS[terms.gap])
    if terms.fold:
        parts.append(_FOLDS[terms.fold])
    return f"{', '.join(parts)} ({terms.tz or 'UTC'})"


def _limits(terms: Terms) -> list[str]:
    parts = []
    if terms.between:
        spans = [f"from {str(one).replace('-', ' to ')}" for one in terms.between]
        parts.append(f"only {' and '.join(spans)}")
    if terms.weekdays != ALL:
        parts.append(f"only on {listed(sorted(terms.weekdays))}")
    if terms.blackouts:
        spans = [
            f"from {str(one).replace('-', ' to ')}"
            if isinstance(one, Window)
            else f"from {_time(one.start)} to {_time(one.end)}"
            for one in terms.blackouts
        ]
        parts.append(f"not {' and '.join(spans)}")
    if terms.outside == MOVE and parts:
        parts.append("else at the next time that is allowed")
    if terms.holidays:
        what = f"of {terms.holidays}" if isinstance(terms.holidays, str) else _days(terms.holidays)
        how = {
            "skip": f"not on holidays ({what})",
            "before": f"on the last day before a holiday ({what})",
            "after": f"on the first day after a holiday ({what})",
        }
        parts.append(how[terms.on_holiday])
    return parts


def listed(days: list[int]) -> str:
    """Return days of the week: "Monday to Friday", "Monday and Thursday"."""
    names = [WEEKDAYS[day].title() for day in days]
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{names[0]} to {names[-1]}"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _days(dates: frozenset[date]) -> str:
    few = sorted(dates)
    return ", ".join(map(str, few)) if len(few) < 4 else f"{len(few)} days"


def _time(value: datetime | date) -> str:
    if not isinstance(value, datetime):
        return str(value)
    return value.isoformat(" ").replace("+00:00", " UTC")
