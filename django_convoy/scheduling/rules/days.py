"""Which times are open: weekdays, holidays, windows of the day. All by what the clocks show."""

from bisect import bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.scheduling.rules.windows import MIDNIGHT, Window

_DAY = timedelta(days=1)
_LONGEST = 3660
"""Days: a calendar that is closed for longer is closed for good."""
_FAR = 3
"""Days: longer than anything is put off."""
ALL = frozenset(range(7))


@dataclass(frozen=True)
class Days:
    """Days on which something may fire."""

    weekdays: frozenset[int] = ALL
    holidays: Container[date] = frozenset()

    def open(self, day: date) -> bool:
        """Return whether one of them is."""
        return day.weekday() in self.weekdays and day not in self.holidays

    def moved(self, day: date) -> bool:
        """Return whether it would be open if it were no holiday."""
        return day.weekday() in self.weekdays and day in self.holidays

    def nearest(self, day: date, step: timedelta) -> date | None:
        """Return the first open day from one on, forwards or backwards."""
        for _ in range(_LONGEST):
            if self.open(day):
                return day
            day += step
        return None


class Hours:
    """Times of the day that are open."""

    def __init__(self, between: Sequence[Window], closed: Sequence[Window]) -> None:
        """Take the windows that are open (all, if none) and those that are not."""
        spans = [part for window in between for part in window.parts(closed=True)]
        shut = [part for window in closed for part in window.parts(closed=False)]
        edges = sorted({timedelta(0), MIDNIGHT, *(edge for part in spans + shut for edge in part)})
        self.spans = [
            (low, high)
            for low, high in pairwise(edges)
            if (not spans or _within(low, spans)) and not _within(low, shut)
        ]
        if not self.spans:
            raise InvalidSchedule(
                "between and blackouts leave no time of the day; allowed: windows that leave some",
                "between" if between else "blackouts",
            )
        self._starts = [low for low, _ in self.spans]

    def first(self, clock: timedelta) -> timedelta | None:
        """Return the first open time of the day at or after one."""
        at = bisect_right(self._starts, clock) - 1
        if at >= 0 and clock < self.spans[at][1]:
            return clock
        return self._starts[at + 1] if at + 1 < len(self._starts) else None

    def closing(self, clock: timedelta) -> timedelta | None:
        """Return the end of the open time that a time of the day is in."""
        end: timedelta | None = None
        for low, high in self.spans:  # some begin where another ends
            if low <= clock < high or low == end:
                end = high
        return end


def _within(clock: timedelta, spans: list[tuple[timedelta, timedelta]]) -> bool:
    return any(low <= clock < high for low, high in spans)


@dataclass(frozen=True)
class Opening:
    """Open times: the hours of the days."""

    days: Days
    hours: Hours

    def closing(self, since: datetime) -> datetime:
        """Return the end of the open time that one is in: days later at most; or the time."""
        day, end = datetime.combine(since, time()), since
        for _ in range(_FAR):
            clock = max(since - day, timedelta(0))
            closed = self.hours.closing(clock) if self.days.open(day.date()) else None
            end = end if closed is None else day + closed
            day += _DAY
            if end < day:
                break
        return end

    def first(self, since: datetime) -> datetime | None:
        """Return the first open time at or after one."""
        if self.days.open(since.date()):
            midnight = datetime.combine(since, time())
            clock = self.hours.first(since - midnight)
            if clock is not None:
                return midnight + clock
        day = self.days.nearest(since.date() + _DAY, _DAY)
        if day is None:
            return None
        return datetime.combine(day, time()) + self.hours.spans[0][0]
