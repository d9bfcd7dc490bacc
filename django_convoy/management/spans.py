"""Times and spans as users write them on a command line."""

import re
from argparse import ArgumentTypeError
from datetime import datetime, timedelta

from django.utils import timezone

from django_convoy.domain.options import MAX_SECONDS

_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?:in)?)?(?:(\d+(?:\.\d+)?)s?)?$")


def span(text: str) -> timedelta:
    """Read "90", "1.5s", "10m", "2h30m" or "7d". Raises ArgumentTypeError."""
    match = _SPAN.match(text.replace(" ", ""))
    if not text or match is None or not any(match.groups()):
        raise ArgumentTypeError(f"{text!r} is not a span such as 90, 10m, 2h30m or 7d")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    total = seconds + 60 * (minutes + 60 * (hours + 24 * days))
    if total > MAX_SECONDS:
        raise ArgumentTypeError(f"{text!r} is more than a thousand years")
    return timedelta(seconds=total)


def moment(text: str) -> datetime | timedelta:
    """Read an ISO time, in this site's time zone unless it says its own, or "+10m"."""
    if text.startswith("+"):
        return span(text[1:])
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is not a time such as 2030-01-31T09:00, nor a span such as +10m"
        ) from None
    return timezone.make_aware(value) if timezone.is_naive(value) else value
