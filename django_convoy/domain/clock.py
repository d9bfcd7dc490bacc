"""The one place that reads the time, so that tests can move it."""

import time
from datetime import UTC, datetime, timedelta


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds of a clock that never steps and is the same in every local process."""
    return time.monotonic()


def past(moment: float) -> datetime:
    """Return the time of a reading of `monotonic()`."""
    return now() - timedelta(seconds=time.monotonic() - moment)
