"""What makes a rule fire: once, after each interval, after each step of the calendar."""

import calendar
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django_convoy.scheduling.rules.zones import AFTER, FIRST, LATEST

EPOCH = datetime(1970, 1, 1)
"""What intervals without a start are counted from; those of weeks from a Monday."""
MONDAY = datetime(1970, 1, 5)
ZERO = timedelta(0)


class Trigger(ABC):
    """A set of times, without end or without any hole but its own.

    on_clocks: times are what the clocks show; else moments in UTC.
    gap, fold: what becomes of the skipped and of the doubled hour unless the rule says so.
    """

    on_clocks = True
    gap = AFTER
    fold = FIRST
    given: datetime | None = None
    """The time that it is about, if it is."""

    @property
    def begins(self) -> bool:
        """Return whether the start is one of its times, whatever the clocks show then."""
        return False

    @abstractmethod
    def first(self, since: datetime, start: datetime | None) -> datetime | None:
        """Return the first time at or after one. start: of the rule, in the same kind of time."""

    @abstractmethod
    def words(self, start: datetime | None) -> str:
        """Return the beginning of a sentence. start: of the rule, as its clocks show it."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return what makes it again."""


@dataclass(frozen=True)
class Once(Trigger):
    """One time; naive: on the clocks."""

    at: datetime

    @property
    def given(self) -> datetime:  # type: ignore[override]
        """Return the time."""
        return self.at

    @property
    def on_clocks(self) -> bool:  # type: ignore[override]
        """Return whether the time was given without a zone."""
        return self.at.tzinfo is None

    def first(self, since: datetime, start: datetime | None) -> datetime | None:
        """Return the time until it is past."""
        at = self.at.replace(tzinfo=None)
        return at if since <= at else None

    def words(self, start: datetime | None) -> str:
        """Return the time."""
        return f"Once, at {self.at.isoformat(' ').replace('+00:00', ' UTC')}"

    def to_json(self) -> dict[str, Any]:
        """Return the time."""
        return {"kind": "once", "at": self.at.isoformat()}


@dataclass(frozen=True)
class Elapsed(Trigger):
    """Each time an interval has passed, whatever the clocks show meanwhile."""

    interval: timedelta
    on_clocks = False

    def first(self, since: datetime, start: datetime | None) -> datetime | None:
        """Return it by division: it does not matter how far the start is."""
        anchor = EPOCH if start is None else start
        number = -((anchor - since) // self.interval)
        if start is not None:
            number = max(number, 0)
        if self.interval * number > LATEST - anchor:
            return None
        return anchor + self.interval * number

    def words(self, start: datetime | None) -> str:
        """Return the interval."""
        said = each(self.interval)
        return f"Every {said}" + (f", counted from {start.isoformat(' ')}" if start else "")

    def to_json(self) -> dict[str, Any]:
        """Return the seconds."""
        seconds = self.interval.total_seconds()
        return {"kind": "every", "seconds": int(seconds) if seconds.is_integer() else seconds}


@dataclass(frozen=True)
class Steps(Trigger):
    """Months and days by the calendar, always counted from the start, so that nothing drifts.

    The n-th time is the start, n times `months` later or on the last day of that month if it has no
    such day, then n times `days` and `rest` later; where these are not positive beside months, they
    say a place in the month instead and are added once.
    at: the time of day, if it is not that of the start.
    """

    months: int = 0
    days: int = 0
    rest: timedelta = ZERO
    at: time | None = None

    @property
    def begins(self) -> bool:
        """Return whether number 0 is the start itself."""
        return self.at is None and not self.offset

    @property
    def offset(self) -> timedelta:
        """Return what is added once."""
        small = timedelta(days=self.days) + self.rest
        return small if self.months and small < ZERO else ZERO

    def anchor(self, start: datetime | None) -> datetime:
        """Return the time number 0."""
        if start is None:
            start = MONDAY if not self.months and not self.days % 7 else EPOCH
        return start if self.at is None else datetime.combine(start, self.at)

    def first(self, since: datetime, start: datetime | None) -> datetime | None:
        """Return it by division, and a look at its neighbours for the unequal months."""
        anchor = self.anchor(start)
        about = timedelta(days=self.months * 30.436875)
        if not self.offset:
            about += timedelta(days=self.days) + self.rest
        number = math.floor((since - anchor - self.offset) / about - 0.5)  # months vary by days
        if start is not None:
            number = max(number, 0)
        while True:
            found = self._number(anchor, number)
            if found is None or found >= since:
                return found
            number += 1

    def _number(self, anchor: datetime, number: int) -> datetime | None:
        months = anchor.year * 12 + anchor.month - 1 + self.months * number
        year, month = divmod(months, 12)
        if not 1 <= year < LATEST.year:
            return datetime.min if year < 1 else None
        day = min(anchor.day, calendar.monthrange(year, month + 1)[1])
        found = anchor.replace(year=year, month=month + 1, day=day)
        small = timedelta(days=self.days) + self.rest
        try:
            found += self.offset or small * number
        except OverflowError:
            return datetime.min if number < 0 else None
        return found if found < LATEST else None

    def words(self, start: datetime | None) -> str:
        """Return the step, and where in it."""
        anchor, small = self.anchor(start), timedelta(days=self.days) + self.rest
        parts = [_months(self.months)] if self.months else []
        if small > ZERO:
            parts.append(each(small) if not parts else amount(small))
        said = f"Every {' and '.join(parts)}"
        clock = anchor.time().isoformat("seconds" if anchor.second else "minutes")
        if small > ZERO and (self.rest or self.months):
            return f"{said}, counted from {anchor.date()} {clock}"
        if self.months:
            said += f" on {_date(anchor, self.months)}"
            if anchor.day > 28:
                said += " or the last day of the month"
        elif not self.days % 7:
            said += f" on {anchor:%A}"
        said += f" at {clock}"
        if self.offset:
            said += f", less {amount(-self.offset)}"
        counted = (self.months > 1 and self.months != 12) or (self.days > 1 and self.days != 7)
        return said + (f", counted from {anchor.date()}" if counted else "")

    def to_json(self) -> dict[str, Any]:
        """Return the step."""
        data: dict[str, Any] = {"kind": "every"}
        if self.months:
            data["months"] = self.months
        if self.days:
            data["days"] = self.days
        if self.rest:
            data["seconds"] = self.rest.total_seconds()
        if self.at is not None:
            data["at"] = self.at.isoformat()
        return data


def _months(count: int) -> str:
    said = _many(count // 12, "year") if not count % 12 else _many(count, "month")
    return said.removeprefix("1 ")


def _date(anchor: datetime, months: int) -> str:
    return f"{anchor.day} {anchor:%B}" if not months % 12 else f"day {anchor.day}"


def each(span: timedelta) -> str:
    """Return a span as it follows "every": "hour", "2 hours", "1 hour and 30 minutes"."""
    said = amount(span)
    return said.removeprefix("1 ") if " and " not in said else said


def amount(span: timedelta) -> str:
    """Return a span in units that people use."""
    parts = []
    seconds = span.total_seconds()
    for unit, size in (("week", 604800), ("day", 86400), ("hour", 3600), ("minute", 60)):
        if unit == "week" and seconds % size:
            continue
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(_many(count, unit))
    if seconds:
        parts.append(_many(seconds, "second"))
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _many(count: float, unit: str) -> str:
    return f"{count:.12g} {unit}{'' if count == 1 else 's'}"
