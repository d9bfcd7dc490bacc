"""The store's clock beside this host's, and times as models give them."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from django_convoy.db.dialect import SQLite
from django_convoy.db.fields import from_column
from django_convoy.db.session import Session
from django_convoy.domain import clock


def store_now(alias: str) -> datetime:
    """Return what the database takes for now; the host's time where it has no clock."""
    session = Session(alias)
    if isinstance(session.dialect, SQLite):
        return clock.now()

    def work(cursor: Any) -> Any:
        expression, params = session.dialect.now()
        cursor.execute(f"SELECT {expression}{session.dialect.as_utc}", params)
        return cursor.fetchone()[0]

    return from_column(session.read(work)) or clock.now()


def difference(alias: str) -> timedelta:
    """Return how far the store's clock is ahead of this host's."""
    before = clock.now()
    there = store_now(alias)
    after = clock.now()
    return there - (before + (after - before) / 2)


def aware(value: datetime) -> datetime:
    """Return a model's time with its zone, also where USE_TZ is False."""
    return timezone.make_aware(value) if timezone.is_naive(value) else value
