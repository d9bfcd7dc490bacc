"""The clocks of a zone: where a time that they show is in UTC, gaps and doubled hours included.

In here times are naive: a *moment* is a time in UTC, a *wall* time is what the clocks show.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

EARLIEST = datetime(3, 1, 1)
LATEST = datetime(9990, 1, 1)
"""Room is left on both sides, so that nothing overflows on the way."""
TICK = timedelta(microseconds=1)

AFTER, SHIFT, SKIP = "after", "shift", "skip"
FIRST, SECOND, TWICE = "first", "second", "twice"
GAPS = (AFTER, SHIFT, SKIP)
FOLDS = (FIRST, SECOND, TWICE)

First = Callable[[datetime], datetime | None]
"""A set of times: returns the first at or after a time, None where there is none."""
Closes = Callable[[datetime], datetime]
"""Returns the end of the open time that a time is in; the time itself where it is in none."""

_DAY = timedelta(days=1)
_FAR = timedelta(days=2)
"""Farther than clocks were ever moved: Samoa skipped a day."""


class Change(NamedTuple):
    """The clocks are moved."""

    at: datetime
    before: timedelta
    after: timedelta


class Stretch(NamedTuple):
    """A time between two changes. before, behind: the offsets on its other sides."""

    start: datetime
    end: datetime
    before: timedelta
    offset: timedelta
    behind: timedelta


class Zone:
    """One zone of the IANA database."""

    def __init__(self, name: str) -> None:
        """Take the zone's data; raises what `ZoneInfo` raises."""
        self.info = ZoneInfo(name)
        self._years: dict[int, tuple[Change, ...]] = {}
        self._last: Stretch | None = None

    def wall(self, moment: datetime) -> datetime:
        """Return what the clocks show."""
        return moment + self.stretch(moment).offset

    def moment(self, wall: datetime, fold: str = FIRST) -> datetime:
        """Return when the clocks show this, or when they skip it."""
        only: First = lambda since: wall if since <= wall else None  # noqa: E731
        found = self.first(wall - _FAR, only, AFTER, fold)
        return found if found is not None else wall - self.stretch(wall).offset

    def first(self, since: datetime, walls: First, gap: str, fold: str) -> datetime | None:
        """Return the first moment, at or after one, at which the clocks show one of these times.

        gap: what becomes of times that the clocks skip; AFTER: all of them the moment behind it,
        SHIFT: each as far behind it as it would have been in it, SKIP: nothing.
        fold: which of two moments with the same time count: FIRST, SECOND, TWICE (both).
        """
        while since < LATEST:
            here = self.stretch(since)
            low = since + here.offset
            if fold == FIRST and here.offset < here.before:
                low = max(low, here.start + here.before)
            high = here.end + (min(here.offset, here.behind) if fold == SECOND else here.offset)
            wall = walls(low)
            found = wall - here.offset if wall is not None and wall < high else None
            if here.before < here.offset and gap != SKIP:
                skipped = _skipped(here, since, walls, gap)
                if skipped is not None and (found is None or skipped < found):
                    found = skipped
            if found is not None:
                return found
            since = _onward(since, here.end, wall)
        return None

    def closing(self, since: datetime, until: datetime, closes: Closes) -> datetime:
        """Return the moment, `until` at the latest, at which the clocks leave an open time."""
        while since < until:
            here = self.stretch(since)
            end = closes(since + here.offset) - here.offset
            if end < here.end:
                return min(end, until)
            since = here.end
        return until

    def stretch(self, moment: datetime) -> Stretch:
        """Return the stretch that a moment is in; cut where no change is within a year."""
        last = self._last
        if last is None or not last.start + _FAR <= moment < last.end:
            last = self._last = self._find(moment)
        return last

    def _find(self, moment: datetime) -> Stretch:
        year = moment.year
        around = [change for y in (year - 1, year, year + 1) for change in self._changes(y)]
        past = [change for change in around if change.at <= moment]
        coming = [change for change in around if change.at > moment]
        offset = past[-1].after if past else self._offset(moment)
        start, before = past[-1][:2] if past else (datetime(year - 1, 1, 1), offset)
        end, behind = datetime(year + 2, 1, 1) - _FAR, offset
        if coming:
            end, behind = coming[0].at, coming[0].after
        return Stretch(start, end, before, offset, behind)

    def _offset(self, moment: datetime) -> timedelta:
        offset = moment.replace(tzinfo=UTC).astimezone(self.info).utcoffset()
        assert offset is not None  # noqa: S101 - a ZoneInfo always has one
        return offset

    def _changes(self, year: int) -> tuple[Change, ...]:
        """Return the changes of a year. The database has no two on one day that undo each other."""
        if year not in self._years:
            found = []
            moment, end = datetime(year, 1, 1), datetime(year + 1, 1, 1)
            before = self._offset(moment - timedelta(seconds=1))
            while moment < end:
                offset = self._offset(moment)
                if offset != before:
                    found.append(Change(self._narrowed(moment, before), before, offset))
                before, moment = offset, moment + _DAY
            offset = self._offset(end - timedelta(seconds=1))
            if offset != before:
                found.append(
                    Change(self._narrowed(end - timedelta(seconds=1), before), before, offset)
                )
            self._years[year] = tuple(found)
        return self._years[year]

    def _narrowed(self, moment: datetime, before: timedelta) -> datetime:
        """Return the second of the change in the day that ends here."""
        low, high = 0, 86400
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(moment - timedelta(seconds=middle)) == before:
                high = middle
            else:
                low = middle
        return moment - timedelta(seconds=low)


def _skipped(here: Stretch, since: datetime, walls: First, gap: str) -> datetime | None:
    """Return when the first of the times fires that were skipped where this stretch begins."""
    low, high = here.start + here.before, here.start + here.offset
    if gap == SHIFT:
        wall = walls(max(low, since + here.before))
        moment = wall - here.before if wall is not None and wall < high else here.end
        return moment if moment < here.end else None
    if since > here.start:
        return None
    wall = walls(low)
    return here.start if wall is not None and wall < high else None


def _onward(since: datetime, end: datetime, wall: datetime | None) -> datetime:
    """Return where to look next: `wall` is the next time there is, nothing is before it.

    Just before a change, times that were passed may come again.
    """
    if end - since < _FAR:
        return end
    return LATEST if wall is None else max(end, wall - _FAR)


zone = cache(Zone)
"""Return the zone of a name: the same one each time, as its changes are found only once."""
