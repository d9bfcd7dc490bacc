"""Cron expressions, parsed by cronsim."""

import calendar
from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import Any

from cronsim import CronSim, CronSimError

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.domain.suggest import unknown
from django_convoy.scheduling.rules.triggers import Trigger
from django_convoy.scheduling.rules.zones import AFTER, FIRST, SKIP, TWICE

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ALLOWED = {
    "second": "0-59",
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31, L (the last) or LW (the last from Monday to Friday)",
    "month": "1-12 or JAN-DEC",
    "day-of-week": "0-7 (0 and 7 are Sunday), SUN-SAT, 5L (the last Friday) or 1#2 (the second "
    "Monday); a range goes up: FRI-SUN is 5-7",
}
_LONGEST = 200
_YEARS = 50
"""The rarest day, a fifth Monday in February, comes after 40 years at the latest."""


class Line:
    """A parsed expression: sets of numbers, and which days match."""

    def __init__(self, sim: CronSim) -> None:
        """Take what cronsim made of it."""
        self._sim = sim
        self._days: dict[tuple[int, int], tuple[int, ...]] = {}
        self.hours: tuple[int, ...] = tuple(sorted(sim.hours))
        self.minutes: tuple[int, ...] = tuple(sorted(sim.minutes))
        self.seconds: tuple[int, ...] = tuple(sorted(sim.seconds))
        self.months: frozenset[int] = frozenset(sim.months)
        self.midnight = time(self.hours[0], self.minutes[0], self.seconds[0])
        """The first time of a day."""

    def days(self, year: int, month: int) -> tuple[int, ...]:
        """Return the days of a month that match."""
        if month not in self.months:
            return ()
        found = self._days.get((year, month))
        if found is None:
            last = calendar.monthrange(year, month)[1]
            match = self._sim.match_day
            found = tuple(d for d in range(1, last + 1) if match(date(year, month, d)))
            if len(self._days) > 24:
                self._days.clear()
            self._days[year, month] = found
        return found

    def clock(self, hour: int, minute: int, second: int) -> time | None:
        """Return the first time of day at or after one."""
        hours, minutes, seconds = self.hours, self.minutes, self.seconds
        at = bisect_left(hours, hour)
        if at < len(hours) and hours[at] == hour:
            inside = bisect_left(minutes, minute)
            if inside < len(minutes) and minutes[inside] == minute:
                within = bisect_left(seconds, second)
                if within < len(seconds):
                    return time(hour, minute, seconds[within])
                inside += 1
            if inside < len(minutes):
                return time(hour, minutes[inside], seconds[0])
            at += 1
        return time(hours[at], minutes[0], seconds[0]) if at < len(hours) else None


@lru_cache(maxsize=1024)
def parse(expression: str) -> Line:
    """Return the expression parsed. Raises InvalidSchedule."""
    text = expression.strip()
    if text.startswith("@"):
        if text.lower() not in MACROS:
            raise InvalidSchedule(f"cron: {unknown('name', text, MACROS)}")
        text = MACROS[text.lower()]
    parts = text.split()
    if len(parts) not in (5, 6) or len(text) > _LONGEST:
        raise InvalidSchedule(
            "cron must have 5 fields (minute hour day-of-month month day-of-week), or 6 with "
            f"seconds before them, or be one of {', '.join(MACROS)}; not {expression!r}"
        )
    try:
        return Line(CronSim(text, datetime(2000, 1, 1)))
    except (CronSimError, ValueError, AssertionError):
        raise InvalidSchedule(_complaint(expression, parts)) from None


def _complaint(expression: str, parts: list[str]) -> str:
    """Return what is wrong: each field is tried on its own."""
    names = list(_ALLOWED)[-len(parts) :]
    for place, (name, given) in enumerate(zip(names, parts, strict=True)):
        alone = ["*"] * len(parts)
        alone[place] = given
        try:
            CronSim(" ".join(alone), datetime(2000, 1, 1))
        except (CronSimError, ValueError, AssertionError):
            return (
                f"cron: {name} cannot be {given!r} (in {expression!r}); allowed: *, "
                f"{_ALLOWED[name]}, lists 1,2, ranges 1-5 and steps */2"
            )
    return (
        f"cron: day-of-month {parts[-3]} never comes in month {parts[-2]} (in {expression!r}); "
        "allowed: a day that one of the months has, or L for its last"
    )


@dataclass(frozen=True)
class Cron(Trigger):
    """The times that match an expression."""

    expression: str

    @cached_property
    def line(self) -> Line:
        """Return it parsed."""
        return parse(self.expression)

    @cached_property
    def fixed(self) -> bool:
        """Return whether it names hours and minutes. Vixie cron treats only these apart."""
        *_, minute, hour, _, _, _ = self.plain.split()
        return not minute.startswith("*") and not hour.startswith("*")

    @property
    def plain(self) -> str:
        """Return the expression with its fields."""
        return MACROS.get(self.expression.lower(), self.expression)

    @property
    def gap(self) -> str:  # type: ignore[override]
        """Return what Vixie cron does: a time that is skipped runs behind the gap."""
        return AFTER if self.fixed else SKIP

    @property
    def fold(self) -> str:  # type: ignore[override]
        """Return what Vixie cron does: "each hour" means also the one that comes again."""
        return FIRST if self.fixed else TWICE

    def first(self, since: datetime, start: datetime | None) -> datetime | None:
        """Return the first match: its day, then its time of that day."""
        if since.microsecond:
            since = since.replace(microsecond=0) + timedelta(seconds=1)
        line, year, month = self.line, since.year, since.month
        days = line.days(year, month)
        if since.day in days:
            clock = line.clock(since.hour, since.minute, since.second)
            if clock is not None:
                return datetime.combine(since, clock)
        after = since.day + 1
        for _ in range(_YEARS * 12):
            at = bisect_left(days, after)
            if at < len(days):
                return datetime.combine(date(year, month, days[at]), line.midnight)
            year, month, after = year + month // 12, month % 12 + 1, 1
            if year > 9998:
                break
            days = line.days(year, month)
        return None

    def words(self, start: datetime | None) -> str:
        """Return cronsim's sentence."""
        said: str = CronSim(self.plain, datetime(2000, 1, 1)).explain()
        return said

    def to_json(self) -> dict[str, Any]:
        """Return the expression."""
        return {"kind": "cron", "expression": self.expression}
