"""Windows of the day: '2:00/18:30', '22-6'."""

import re
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django_convoy.scheduling.rules.values import day, moment, refuse

_CLOCK = r"(\d{1,2})(?:[:.](\d{2}))?(?:[:.](\d{2}))?"
_WINDOW = re.compile(rf"{_CLOCK}\s*[-/]\s*{_CLOCK}", re.ASCII)
MIDNIGHT = timedelta(days=1)
_TICK = timedelta(microseconds=1)


class Window(NamedTuple):
    """A part of each day, by what the clocks show; over midnight if the end is not later."""

    start: timedelta
    end: timedelta

    def __str__(self) -> str:
        """Return it as it can be read again."""
        return f"{_clock(self.start)}-{_clock(self.end)}"

    def parts(self, *, closed: bool) -> list[tuple[timedelta, timedelta]]:
        """Return its spans of one day, ends excluded; closed: the last moment counts, too."""
        end = min(self.end + _TICK, MIDNIGHT) if closed else self.end
        if self.start < self.end:
            return [(self.start, end)]
        return [(timedelta(0), end), (self.start, MIDNIGHT)]


class Blackout(NamedTuple):
    """A time in which nothing fires, its end excluded. Dates count as whole days."""

    start: datetime | date
    end: datetime | date

    def __str__(self) -> str:
        """Return it as it can be read again."""
        return f"{self.start.isoformat()}/{self.end.isoformat()}"


def windows(field: str, value: Any) -> tuple[Window, ...]:
    """Return windows of the day: a text, with commas between several, or a list of texts."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not parts:
        refuse(field, "windows such as '2:00/18:30' or '22-6, 12-13'", value)
    return tuple(sorted({_window(field, part) for part in parts}))


def _window(field: str, value: Any) -> Window:
    if isinstance(value, Window):
        return value
    match = _WINDOW.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        refuse(field, "a window such as '2:00/18:30', '2.00-18.30', '2-18:30' or '22-6'", value)
    numbers = [int(part or 0) for part in match.groups()]
    start, end = (_time(field, value, *numbers[at : at + 3]) for at in (0, 3))
    if start in (end, MIDNIGHT):
        refuse(field, "a window with two different ends, the first before 24:00", value)
    return Window(start, end)


def _time(field: str, value: str, hour: int, minute: int, second: int) -> timedelta:
    span = timedelta(hours=hour, minutes=minute, seconds=second)
    if minute > 59 or second > 59 or span > MIDNIGHT:
        refuse(field, "a window of times from 0:00 to 24:00", value)
    return span


def blackouts(field: str, value: Any) -> tuple[Window | Blackout, ...]:
    """Return windows of the day, spans of time and days on which nothing fires."""
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    elif isinstance(value, date | Blackout | Window):
        value = [value]
    if not isinstance(value, list | tuple | set | frozenset):
        refuse(field, "a list of '12:00-13:00', '2026-12-24/2026-12-27' or pairs of times", value)
    return tuple(sorted((_blackout(field, one) for one in value), key=str))


def _blackout(field: str, value: Any) -> Window | Blackout:
    if isinstance(value, Window):
        return value
    if isinstance(value, str):
        if _WINDOW.fullmatch(value.strip()):
            return _window(field, value)
        start, slash, end = value.partition("/")
        value = (start, end) if slash else (day(field, start), day(field, start))
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = (value, value)
    if not isinstance(value, list | tuple) or len(value) != 2:
        refuse(field, "'12:00-13:00', '2026-12-24/2026-12-27' or a pair of times", value)
    return _span(field, moment(field, value[0]), moment(field, value[1]))


def _span(field: str, start: datetime | date, end: datetime | date) -> Blackout:
    said = f"{start.isoformat()}/{end.isoformat()}"
    if isinstance(start, datetime) and isinstance(end, datetime):
        if (start.tzinfo is None) != (end.tzinfo is None):
            refuse(field, "either aware or naive on both sides", said)
        if not start < end:
            refuse(field, "a span whose end is later than its start", said)
    elif isinstance(start, datetime) or isinstance(end, datetime):
        refuse(field, "from a date to a date, or from a time to a time", said)
    elif end < start:
        refuse(field, "a span whose end is not earlier than its start", said)
    return Blackout(start, end)


def _clock(span: timedelta) -> str:
    minutes, second = divmod(int(span.total_seconds()), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")
