"""What a rule says: its trigger, and what limits it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.scheduling.rules.days import ALL
from django_convoy.scheduling.rules.holidays import SKIP, Holidays
from django_convoy.scheduling.rules.triggers import Trigger
from django_convoy.scheduling.rules.windows import Blackout, Window

MOVE = "move"
OUTSIDE = (SKIP, MOVE)


@dataclass(frozen=True)
class Terms:
    """The fields of a rule, checked.

    tz: IANA name; None: not said, counts as UTC until it is.
    start, end: aware in UTC; naive: on the clocks of `tz`; a date: its first, or last, moment.
    repeat: how often it fires in all; None: without end. Whoever fires keeps the number.
    The other fields are what `Options` says.
    """

    trigger: Trigger
    tz: str | None = None
    start: datetime | date | None = None
    end: datetime | date | None = None
    repeat: int | None = None
    between: tuple[Window, ...] = ()
    weekdays: frozenset[int] = ALL
    outside: str = SKIP
    holidays: Holidays = frozenset()
    on_holiday: str = SKIP
    blackouts: tuple[Window | Blackout, ...] = ()
    jitter: timedelta = timedelta(0)
    gap: str | None = None
    fold: str | None = None

    def times(self) -> Iterator[tuple[str, datetime]]:
        """Return the times that were given, by field; dates are none."""
        for name, value in (
            ("at", self.trigger.given),
            ("start", self.start),
            ("end", self.end),
            *(("blackouts", span.start) for span in self.blackouts if isinstance(span, Blackout)),
        ):
            if isinstance(value, datetime):
                yield name, value

    @property
    def on_clocks(self) -> bool:
        """Return whether its times were given naive."""
        return any(value.tzinfo is None for _, value in self.times())

    def check_kinds(self) -> None:
        """Raise InvalidSchedule for a mix of aware and naive times."""
        aware = [name for name, value in self.times() if value.tzinfo is not None]
        plain = [name for name, value in self.times() if value.tzinfo is None]
        if aware and plain:
            raise InvalidSchedule(
                f"{aware[0]} is aware and {plain[0]} is naive; give all times with a zone, or "
                "all without one: then they are on the clocks of tz",
                aware[0],
            )
