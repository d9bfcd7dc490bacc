"""Firings on holidays that are moved to the last open day before, or the first after."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django_convoy.scheduling.rules.days import Days
from django_convoy.scheduling.rules.holidays import BEFORE
from django_convoy.scheduling.rules.zones import LATEST, First

_DAY = timedelta(days=1)
_ROUNDS = 20000


@dataclass(frozen=True)
class Moving:
    """A set of times (`walls`), with those of holidays on other days, at the same time of day."""

    walls: First
    days: Days
    on_holiday: str

    def first(self, since: datetime) -> datetime | None:
        """Return the first time at or after one: day by day, from the days that end up on it."""
        for _ in range(_ROUNDS):
            if since >= LATEST:
                return None
            day = since.date()
            found = [self._on(source, day, since) for source in self._sources(day)]
            times = [one for one in found if one is not None]
            if times:
                return min(times)
            onward = self._onward(day)
            if onward is None:
                return None
            since = datetime.combine(onward, time())
        return None

    def _on(self, source: date, day: date, since: datetime) -> datetime | None:
        """Return the first time of a day, as moved to another."""
        clock = since.time() if day == since.date() else time()
        found = self.walls(datetime.combine(source, clock))
        if found is None or found.date() != source:
            return None
        return datetime.combine(day, found.time())

    def _sources(self, day: date) -> list[date]:
        """Return the days whose times are moved to one, itself first."""
        if self.days.moved(day):
            return []
        sources = [day]
        if self.days.open(day):
            step = _DAY if self.on_holiday == BEFORE else -_DAY
            source = day + step
            while not self.days.open(source) and len(sources) < 400:
                if self.days.moved(source):
                    sources.append(source)
                source += step
        return sources

    def _onward(self, day: date) -> date | None:
        """Return the next day that may have times."""
        tomorrow = day + _DAY
        if self.on_holiday != BEFORE and not self.days.open(day):
            return tomorrow  # its times may have been moved there
        found = self.walls(datetime.combine(tomorrow, time()))
        if found is None:
            return None
        if self.on_holiday != BEFORE:
            return found.date()
        return max(self.days.nearest(found.date(), -_DAY) or tomorrow, tomorrow)
