"""What becomes of a schedule that is due: pure, from its row, its rule and the store's time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice, takewhile

from django_convoy.scheduling.rules import Rule, last_missed, missed
from django_convoy.scheduling.table import Row

ALL, LAST, NONE = "all", "last", "none"
CATCH_UPS = (ALL, LAST, NONE)
ALLOW, SKIP, QUEUE = "allow", "skip", "queue"
OVERLAPS = (ALLOW, SKIP, QUEUE)
AT_ONCE = 100
"""Missed firings of one schedule that are made up for in one step."""
LATE = timedelta(minutes=1)
"""What is later than this was missed; with catch_up="none" it is not fired any more."""
LOOK_AGAIN = timedelta(seconds=1)
"""Until we look again whether the last run is over."""


@dataclass(slots=True)
class Decision:
    """What to do. fire: intended times, oldest first. skipped: that time is recorded as not fired.

    note: what is special, for the history. waiting: why nothing happens yet.
    """

    next_at: datetime | None
    wake_at: datetime | None
    fire: list[datetime] = field(default_factory=list)
    skipped: datetime | None = None
    note: str = ""
    waiting: str = ""


def decide(row: Row, rule: Rule, now: datetime, *, busy: bool) -> Decision:
    """Return what becomes of a schedule whose time `next_at` has come.

    busy: its last run is not over.
    """
    due = row.next_at
    if due is None or row.paused or row.retired:
        return Decision(due, None)
    before = due - timedelta(microseconds=1)
    if busy and row.overlap == QUEUE:
        return Decision(due, now + LOOK_AGAIN, waiting=f"waits for the end of job {row.last_job}")
    if row.catch_up == ALL:
        come = takewhile(
            lambda at: rule.due(at, row.name) <= now, missed(rule, before, now, row.fired)
        )
        return _fire(row, rule, list(islice(come, AT_ONCE)) or [due], "")
    last = _last(row, rule, due, now)
    if busy and row.overlap == SKIP:
        next_at = rule.next(last, row.fired)
        note = f"skipped: job {row.last_job} was not over"
        return Decision(next_at, wake(row, rule, next_at), skipped=last, note=note)
    # What waits for the end of a run, or for a broker, was not missed.
    held = bool(row.failure)
    if row.catch_up == NONE and now - rule.due(last, row.name) > LATE and not held:
        next_at = rule.next(last, row.fired)
        note = "missed: no worker was there to fire it"
        return Decision(next_at, wake(row, rule, next_at), skipped=last, note=note)
    note = f"instead of all missed since {due:%Y-%m-%d %H:%M:%S} UTC" if last > due else ""
    return _fire(row, rule, [last], note)


def _last(row: Row, rule: Rule, due: datetime, now: datetime) -> datetime:
    """Return the newest firing from `due` on whose time has come, its jitter included."""
    before = due - timedelta(microseconds=1)
    last = last_missed(rule, before, now, row.fired)
    if last is not None and rule.due(last, row.name) > now:  # those before it are due by now
        last = last_missed(rule, before, last - timedelta(microseconds=1), row.fired)
    return last or due


def _fire(row: Row, rule: Rule, times: list[datetime], note: str) -> Decision:
    next_at = rule.next(times[-1], row.fired + len(times))
    return Decision(next_at, wake(row, rule, next_at), fire=times, note=note)


def wake(row: Row, rule: Rule, next_at: datetime | None) -> datetime | None:
    """Return when a steward has to look: at the intended time, or later by the rule's jitter."""
    if next_at is None or row.paused or row.retired:
        return None
    return rule.due(next_at, row.name)
