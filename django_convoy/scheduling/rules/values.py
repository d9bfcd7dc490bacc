"""What people write: times, days, spans, zones, weekdays, windows. Read once, with good errors."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NoReturn
from zoneinfo import ZoneInfo, available_timezones

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.domain.suggest import instead, unknown

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST = timedelta(days=366 * 1000)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?[smhdw] ?)+", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?(?::(\d{2}))?", re.ASCII)


def refuse(field: str, allowed: str, given: Any) -> NoReturn:
    """Raise the error of a field."""
    raise InvalidSchedule(f"{field} must be {allowed}, not {given!r}")


def blank(value: Any) -> bool:
    """Return whether nothing was said: None, or a text without a letter."""
    return value is None or (isinstance(value, str) and not value.strip())


def choice(field: str, value: Any, known: Iterable[str]) -> str:
    """Return one of the words."""
    if not isinstance(value, str):
        refuse(field, f"one of {', '.join(known)}", value)
    if value not in known:
        raise InvalidSchedule(f"{field}: {unknown('choice', value, known)}")
    return value


def whole(field: str, value: Any, least: int, most: int) -> int:
    """Return a whole number; a text of digits is one, too."""
    given = value
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value.strip(), re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        refuse(field, f"a whole number from {least} to {most}", given)
    return value


def number(field: str, value: Any) -> float:
    """Return a finite number, whole where it is."""
    given = value
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}(\.\d{1,9})?", value.strip(), re.ASCII):
        value = float(value)
    if not _is_number(value):
        refuse(field, "a number", given)
    if abs(value) > LONGEST.total_seconds():
        refuse(field, "a number of at most 1000 years", given)
    return int(value) if value == int(value) else float(value)


def _is_number(value: Any) -> bool:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return usable and value == value  # nan is not


def moment(field: str, value: Any) -> datetime | date:
    """Return a time, in UTC if it has a zone; or a date."""
    allowed = "a datetime, a date or a text in ISO 8601 such as 2026-12-31T18:30"
    if isinstance(value, str):
        try:
            text = value.strip()
            value = date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
        except ValueError:
            refuse(field, allowed, value)
    if not isinstance(value, date):
        refuse(field, allowed, value)
    if not 1900 <= value.year <= 9000:
        refuse(field, "a time from 1900 to 9000", value.isoformat())
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            return value.replace(tzinfo=None, fold=0)
        return value.astimezone(UTC)
    return value


def day(field: str, value: Any) -> date:
    """Return a date."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value.strip())
        except ValueError:
            refuse(field, "a date such as 2026-12-31", value)
    if not isinstance(value, date) or isinstance(value, datetime):
        refuse(field, "a date such as 2026-12-31", value)
    return value


def duration(
    field: str, value: Any, most: timedelta = LONGEST, said: str = "1000 years"
) -> timedelta:
    """Return a span of time: a timedelta, seconds, or a text such as 90, 10m, 1h 30m.

    most, said: the longest that is allowed, and how that is called.
    """
    allowed = f"seconds, a timedelta or a text such as 90s, 10m or 1h30m, at most {said}"
    given = value
    if isinstance(value, str):
        text = value.strip().lower()
        if _SPAN.fullmatch(text) and len(text) < 40:
            found = re.findall(r"([\d.]+)([smhdw])", text)
            value = sum(float(count) * _UNITS[unit] for count, unit in found)
        elif re.fullmatch(r"\d{1,12}(\.\d{1,6})?", text, re.ASCII):
            value = float(text)
        else:
            refuse(field, allowed, given)
    if not isinstance(value, timedelta):
        if not _is_number(value):
            refuse(field, allowed, given)
        if not 0 <= value <= most.total_seconds():
            refuse(field, f"a span from 0 to {said}", given)
        value = timedelta(seconds=value)
    span: timedelta = value
    if not timedelta(0) <= span <= most:
        refuse(field, f"a span from 0 to {said}", given)
    return span


def clock(field: str, value: Any) -> time:
    """Return a time of day."""
    if isinstance(value, time) and value.tzinfo is None:
        return value.replace(microsecond=0, fold=0)
    match = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if match:
        hour, minute, second = (int(part or 0) for part in match.groups())
        if hour < 24 and minute < 60 and second < 60:
            return time(hour, minute, second)
    refuse(field, "a time of day such as '18:30'", value)


def zone_name(field: str, value: Any) -> str:
    """Return the IANA name of a zone, given by name or as a ZoneInfo."""
    name = "UTC" if value is UTC else getattr(value, "key", value)
    if not isinstance(name, str) or not name:
        refuse(field, "the IANA name of a zone such as 'Europe/Berlin'", value)
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        raise InvalidSchedule(f"{field}: unknown zone {name!r}; {_zone_instead(name)}") from None


def _zone_instead(name: str) -> str:
    known = available_timezones()
    wanted = name.lower().replace(" ", "_")
    for zone in sorted(known):
        if wanted in (zone.lower(), zone.lower().rpartition("/")[2]):
            return f"did you mean {zone!r}?"
    hint = instead(name, known)
    return hint if hint.startswith("did") else "allowed: IANA names such as 'Europe/Berlin'"


def weekdays(field: str, value: Any) -> frozenset[int]:
    """Return days of the week, 0 for Monday. Takes names, ranges, numbers, dateutil's MO to SU."""
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    elif not isinstance(value, Iterable):
        value = [value]
    found = {day for one in value for day in _weekday_range(field, one)}
    if not found:
        refuse(field, "at least one of mon to sun, 0 (Monday) to 6, or dateutil's MO to SU", value)
    return frozenset(found)


def _weekday_range(field: str, value: Any) -> list[int]:
    if isinstance(value, str) and "-" in value.strip()[1:]:
        first, last = (weekday(field, part) for part in value.split("-", 1))
        return [(first + step) % 7 for step in range((last - first) % 7 + 1)]
    return [weekday(field, value)]


def weekday(field: str, value: Any) -> int:
    """Return a day of the week, 0 for Monday."""
    number = getattr(value, "weekday", value)
    if getattr(value, "n", None) is not None:
        raise InvalidSchedule(
            f"{field} cannot be {value!r}, the n-th of a month; write cron('0 0 * * 1#2') for the "
            "second Monday"
        )
    if isinstance(number, str):
        text = number.strip().lower()
        if text.isdecimal() and text.isascii():
            number = int(text[:9])
        else:
            for place, name in enumerate(WEEKDAYS):
                if len(text) >= 2 and name.startswith(text):
                    return place
            hint = instead(text, WEEKDAYS)
            raise InvalidSchedule(f"{field}: unknown day {value!r}; {hint}")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 6:
        refuse(field, "mon to sun, 0 (Monday) to 6, or dateutil's MO to SU", value)
    return number
