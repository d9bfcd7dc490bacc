"""Firings of a rule: those to come, those that were missed."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django_convoy.scheduling.rules.rule import Rule
from django_convoy.scheduling.rules.searching import latest


class Firing(NamedTuple):
    """One intended time, as the world and as the rule's zone say it."""

    utc: datetime
    local: datetime


def preview(rule: Rule, after: datetime, count: int = 10, fired: int = 0) -> list[Firing]:
    """Return the next firings after a time, `count` at most."""
    found: list[Firing] = []
    following = rule.next(after, fired)
    while following is not None and len(found) < count:
        found.append(Firing(following, rule.local(following)))
        following = rule.next(following, fired + len(found))
    return found


def missed(rule: Rule, last: datetime, now: datetime, fired: int = 0) -> Iterator[datetime]:
    """Return the firings in (last, now], oldest first, one by one."""
    following = rule.next(last, fired)
    while following is not None and following <= now:
        yield following
        fired += 1
        following = rule.next(following, fired)


def last_missed(rule: Rule, last: datetime, now: datetime, fired: int = 0) -> datetime | None:
    """Return the newest firing in (last, now]. As quick when a million were missed.

    It stands for all of them: with `repeat`, firings that are left out are not counted.
    """
    return latest(lambda after: rule.next(after, fired), last, now)
