"""Finds the firings of a rule: its trigger on the clocks of its zone, within its limits."""

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.scheduling.rules.days import ALL, Days, Hours, Opening
from django_convoy.scheduling.rules.holidays import SKIP, dates_of
from django_convoy.scheduling.rules.moving import Moving
from django_convoy.scheduling.rules.searching import latest
from django_convoy.scheduling.rules.terms import MOVE, Terms
from django_convoy.scheduling.rules.triggers import Once
from django_convoy.scheduling.rules.windows import Blackout, Window
from django_convoy.scheduling.rules.zones import EARLIEST, FIRST, LATEST, SECOND, TICK, TWICE, zone
from django_convoy.scheduling.rules.zones import SKIP as SKIP_GAP

_HORIZON = timedelta(days=366 * 50)
"""What does not fire within fifty years never does."""
_ROUNDS = 20000


class Calendar:
    """The moments of a rule: naive, in UTC."""

    def __init__(self, terms: Terms) -> None:
        """Prepare what each search needs."""
        self.zone = zone(terms.tz or "UTC")
        self.trigger = terms.trigger
        self.start = None if terms.start is None else self.begin(terms.start)
        self.end = LATEST if terms.end is None else self.finish(terms.end)
        self._gap = terms.gap or self.trigger.gap
        self._fold = terms.fold or self.trigger.fold
        self._moves = terms.outside == MOVE
        self._anchor = self.start
        self._on_clocks = self.trigger.on_clocks
        self._walls = self._first_wall
        self._dark = self._blackouts(terms)
        self._opening = None
        holidays = terms.holidays
        days = Days(terms.weekdays, dates_of(holidays) if isinstance(holidays, str) else holidays)
        if terms.on_holiday != SKIP and holidays:
            self._move_holidays(days, terms.on_holiday)
        self._begins = False
        if self._on_clocks and self.start is not None:
            self._anchor = self.zone.wall(self.start)
            again = self._fold == FIRST and self.zone.moment(self._anchor) < self.start
            self._begins = again and self.trigger.begins and self._walls == self._first_wall
        windows = [one for one in terms.blackouts if isinstance(one, Window)]
        if terms.between or windows or holidays or terms.weekdays != ALL:
            self._opening = Opening(days, Hours(terms.between, windows))

    def begin(self, value: datetime | date) -> datetime:
        """Return the moment at which a time begins, in UTC; naive ones are on the clocks."""
        return self._moment(value, FIRST)

    def finish(self, value: datetime | date) -> datetime:
        """Return the last moment of a time."""
        if isinstance(value, datetime):
            return self._moment(value, SECOND)
        return self._moment(value + timedelta(days=1), FIRST) - TICK

    def _moment(self, value: datetime | date, fold: str) -> datetime:
        if not isinstance(value, datetime):
            value = datetime.combine(value, time())
        if value.tzinfo is None:
            return self.zone.moment(value, fold)
        return value.astimezone(UTC).replace(tzinfo=None)

    def _blackouts(self, terms: Terms) -> list[tuple[datetime, datetime]]:
        """Return the spans, those that touch as one."""
        merged: list[tuple[datetime, datetime]] = []
        for start, end in sorted(
            (self.begin(one.start), self.finish(one.end) + self._rest(one.end))
            for one in terms.blackouts
            if isinstance(one, Blackout)
        ):
            if merged and start <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(end, merged[-1][1])
            else:
                merged.append((start, end))
        return merged

    @staticmethod
    def _rest(end: datetime | date) -> timedelta:
        """Return what is missing to the end of a blackout, which is excluded."""
        return timedelta(0) if isinstance(end, datetime) else TICK

    def _move_holidays(self, days: Days, on_holiday: str) -> None:
        if not self._on_clocks:
            if not isinstance(self.trigger, Once):
                raise InvalidSchedule(
                    f"on_holiday={on_holiday!r} is for rules of days and longer, and for cron; "
                    'seconds, minutes and hours can only "skip" holidays',
                    "on_holiday",
                )
            self.trigger = Once(self.zone.wall(self.begin(self.trigger.at)))
            self._on_clocks = True
        self._walls = Moving(self._first_wall, days, on_holiday).first

    def _first_wall(self, since: datetime) -> datetime | None:
        return self.trigger.first(since, self._anchor)

    def _raw(self, since: datetime) -> datetime | None:
        """Return the first moment of the trigger at or after one."""
        if self.start is not None and since <= self.start:
            since = self.start
            if self._begins:
                return since  # what it is counted from, though these clocks showed it before
        if self._on_clocks:
            return self.zone.first(since, self._walls, self._gap, self._fold)
        return self._walls(since)

    def _raw_after(self, after: datetime) -> datetime | None:
        return self._raw(after + TICK)

    def opening(self, since: datetime) -> datetime | None:
        """Return the first moment, at or after one, at which it may fire."""
        for _ in range(_ROUNDS):
            dark = bisect_right(self._dark, (since, LATEST)) - 1
            if dark >= 0 and since < self._dark[dark][1]:
                since = self._dark[dark][1]
            if self._opening is None:
                return since
            found = self.zone.first(since, self._opening.first, SKIP_GAP, TWICE)
            if found is None or found == since:
                return found
            since = found
        return None

    def closing(self, since: datetime, until: datetime) -> datetime:
        """Return how long a firing at `since` may be put off, `until` at most."""
        following = self.next(since)
        dark = bisect_right(self._dark, (since, LATEST))
        ends = [until, self.end]
        ends += [] if following is None else [following]
        ends += [start for start, _ in self._dark[dark : dark + 1]]
        if self._opening is not None:
            ends.append(self.zone.closing(since, min(ends), self._opening.closing))
        return max(since, min(ends))

    def next(self, after: datetime) -> datetime | None:
        """Return the first firing later than a moment."""
        after = max(after, EARLIEST)
        if after >= self.end:
            return None
        if self._opening is None and not self._dark:
            found = self._raw_after(after)
        else:
            found = self._pushed(after) if self._moves else None
            if found is None:
                found = self._allowed(after)
        return None if found is None or found > self.end else found

    def _allowed(self, after: datetime) -> datetime | None:
        horizon = after + _HORIZON if self.start is None else max(after, self.start) + _HORIZON
        horizon = min(horizon, self.end)
        since = after + TICK
        for _ in range(_ROUNDS):
            found = self._raw(since)
            if found is None or found > horizon:
                return None
            since_open = self.opening(found)
            if since_open is None or since_open == found or self._moves:
                return since_open
            since = since_open
        return None

    def _pushed(self, after: datetime) -> datetime | None:
        """Return the next opening, if a firing was moved to it from before."""
        found = self.opening(after)
        if found is None or found == after:
            return None
        low = max(after - _HORIZON, EARLIEST)
        missed = latest(self._raw_after, low, after)
        return found if missed is not None and self.opening(missed) == found else None
