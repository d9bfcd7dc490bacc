"""A rule: when to fire, as one value."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self


@dataclass(frozen=True)
class Rule:
    """When a schedule fires. Made by `cron()`, `every()` and their siblings, or `from_json()`.

    tz: IANA name; None: not said, counts as UTC until `zoned()` gives it one.
    repeat: how often it fires in all; None: without end. Whoever fires keeps the number.
    """

    tz: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    repeat: int | None = None
    jitter: timedelta = timedelta(0)

    def next(self, after: datetime, fired: int = 0) -> datetime | None:
        """Return the first firing strictly later than `after`, aware, in UTC.

        fired: how often it has fired, for rules with `repeat`.
        None: never again. This is the intended time: the key of a firing, without jitter.
        """
        raise NotImplementedError

    def due(self, intended: datetime, key: str) -> datetime:
        """Return when the firing is to be enqueued: up to `jitter` after its intended time.

        key: of the schedule. The same key and time give the same answer in every process.
        """
        raise NotImplementedError

    def zoned(self, tz: str) -> Self:
        """Return the rule in this zone, or itself when it has a zone of its own."""
        raise NotImplementedError

    def starting(self, at: datetime) -> Self:
        """Return the rule beginning at (and counted from) this time, or itself when it has a start.

        `every(hours=1)` without a start fires at whole hours of UTC; `starting(now)` makes it
        fire now, and each hour from now.
        """
        raise NotImplementedError

    def aware(self, value: datetime) -> datetime:
        """Return a time in UTC; a naive one is on the clocks of the rule's zone."""
        raise NotImplementedError

    def local(self, moment: datetime) -> datetime:
        """Return an aware time in the rule's zone."""
        raise NotImplementedError

    def words(self) -> str:
        """Return a sentence that says the rule."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can carry and people can read: `kind`, and what was said."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, data: Any) -> "Rule":
        """Return the rule. `kind` is the name of a constructor, the rest its arguments.

        Takes all that people may write, so forms and commands can use it for their input, too.
        Raises InvalidSchedule.
        """
        raise NotImplementedError
