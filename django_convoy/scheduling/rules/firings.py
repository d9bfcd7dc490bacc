"""Firings of a rule: those to come, those that were missed."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django_convoy.scheduling.rules.rule import Rule


class Firing(NamedTuple):
    """One intended time, as the world and as the rule's zone say it."""

    utc: datetime
    local: datetime


def preview(rule: Rule, after: datetime, count: int = 10, fired: int = 0) -> list[Firing]:
    """Return the next firings after a time, `count` at most."""
    raise NotImplementedError


def missed(rule: Rule, last: datetime, now: datetime, fired: int = 0) -> Iterator[datetime]:
    """Return the firings in (last, now], oldest first, one by one."""
    raise NotImplementedError


def last_missed(rule: Rule, last: datetime, now: datetime, fired: int = 0) -> datetime | None:
    """Return the newest firing in (last, now]. As quick when a million were missed."""
    raise NotImplementedError
