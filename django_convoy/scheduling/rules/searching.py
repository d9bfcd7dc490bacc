"""The newest of many times, found without a look at each."""

from collections.abc import Callable
from datetime import datetime, timedelta

Next = Callable[[datetime], datetime | None]
"""A set of times: returns the first later than a time."""


def latest(following: Next, low: datetime, high: datetime) -> datetime | None:
    """Return the newest of the times in (low, high]: looks back ever farther, then in halves."""
    if low >= high:
        return None
    step, newest = timedelta(seconds=1), None
    while newest is None:
        since = max(low, high - step) if step < high - low else low
        newest = _until(following(since), high)
        if newest is None and since == low:
            return None
        step *= 4
    upper = high
    while (later := _until(following(newest), high)) is not None:
        newest = later
        middle = newest + (upper - newest) / 2
        beyond = _until(following(middle), high) if middle > newest else None
        if beyond is not None:
            newest = beyond
        else:
            upper = middle
    return newest


def _until(found: datetime | None, high: datetime) -> datetime | None:
    return found if found is not None and found <= high else None
