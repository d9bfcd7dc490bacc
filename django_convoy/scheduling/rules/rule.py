"""A rule: when to fire, as one value."""

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Self

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.domain.suggest import unknown
from django_convoy.scheduling.rules import values, writing
from django_convoy.scheduling.rules.calendars import Calendar
from django_convoy.scheduling.rules.sentences import words
from django_convoy.scheduling.rules.terms import Terms
from django_convoy.scheduling.rules.zones import TICK

KINDS: dict[str, "Callable[..., Rule]"] = {}
"""The constructors, by the names that `kind` may have."""


@dataclass(frozen=True)
class Rule(Terms):
    """When a schedule fires. Made by `cron()`, `every()` and their siblings, or `from_json()`."""

    def next(self, after: datetime, fired: int = 0) -> datetime | None:
        """Return the first firing strictly later than `after`, aware, in UTC.

        fired: how often it has fired, for rules with `repeat`.
        None: never again. This is the intended time: the key of a firing, without jitter.
        """
        if after.tzinfo is None:
            raise InvalidSchedule(
                f"after must be aware, not {after!r}; rule.aware() reads naive times"
            )
        if self.repeat is not None and fired >= self.repeat:
            return None
        found = self.calendar.next(after.astimezone(UTC).replace(tzinfo=None))
        return None if found is None else found.replace(tzinfo=UTC)

    def due(self, intended: datetime, key: str) -> datetime:
        """Return when the firing is to be enqueued: up to `jitter` after its intended time.

        Always before the next firing, the end of the rule, and all that excludes a firing.
        key: of the schedule. The same key and time give the same answer in every process.
        """
        if not self.jitter:
            return intended
        moment = intended.astimezone(UTC).replace(tzinfo=None)
        text = f"{key}\n{intended.astimezone(UTC).isoformat()}"
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        room = self.calendar.closing(moment, moment + self.jitter) - moment
        return intended + TICK * (room // TICK * int.from_bytes(digest, "big") >> 64)

    def zoned(self, tz: str) -> Self:
        """Return the rule in this zone, or itself when it has a zone of its own."""
        return self if self.tz else replace(self, tz=values.zone_name("tz", tz))

    def starting(self, at: datetime) -> Self:
        """Return the rule beginning at (and counted from) this time, or itself when it has a start.

        `every(hours=1)` without a start fires at whole hours of UTC; `starting(now)` makes it
        fire now, and each hour from now.
        """
        if self.start is not None:
            return self
        at = self.aware(at)
        naive = self.on_clocks
        return replace(self, start=self.local(at).replace(tzinfo=None, fold=0) if naive else at)

    def aware(self, value: datetime) -> datetime:
        """Return a time in UTC; a naive one is on the clocks of the rule's zone."""
        return self.calendar.begin(value).replace(tzinfo=UTC)

    def local(self, moment: datetime) -> datetime:
        """Return an aware time in the rule's zone."""
        return moment.astimezone(self.calendar.zone.info)

    @cached_property
    def calendar(self) -> Calendar:
        """Return what finds its times."""
        return Calendar(self)

    @property
    def first(self) -> datetime | None:
        """Return its first firing, if it has a beginning, or any; None: it never fires."""
        begin = self.calendar.start or datetime(2020, 1, 1)
        if self.start is None:
            given = self.trigger.given
            begin = min(begin, self.calendar.end - timedelta(days=3660))
            begin = begin if given is None else self.calendar.begin(given) - timedelta(days=3660)
        return self.next(begin.replace(tzinfo=UTC) - timedelta(microseconds=1))

    def words(self) -> str:
        """Return a sentence that says the rule."""
        return words(self, self.calendar)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can carry and people can read: `kind`, and what was said."""
        return writing.to_json(self)

    @classmethod
    def from_json(cls, data: Any) -> "Rule":
        """Return the rule. `kind` is the name of a constructor, the rest its arguments.

        Takes all that people may write, so forms and commands can use it for their input, too.
        Raises InvalidSchedule.
        """
        if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
            values.refuse("rule", 'an object such as {"kind": "daily", "at": "3:00"}', data)
        given = dict(data)
        kind = given.pop("kind", None)
        if kind not in list(KINDS):
            if kind is None or not isinstance(kind, str):
                values.refuse("kind", f"one of {', '.join(KINDS)}", kind)
            raise InvalidSchedule(f"kind: {unknown('kind', kind, KINDS)}")
        make = KINDS[kind]
        missing = [
            name
            for name, one in inspect.signature(make).parameters.items()
            if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD
        ]
        for name in missing:
            if name not in given:
                raise InvalidSchedule(f"{name} is missing: {kind} needs it")
        return make(**given)
