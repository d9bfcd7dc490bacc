"""What is looked at in a task's values and in a function's parameters, beside the options."""

import inspect
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from django.conf import settings
from django.utils import timezone

from django_convoy.domain.errors import InvalidOption
from django_convoy.domain.options import MAX_SECONDS
from django_convoy.framework import TASK_MAX_PRIORITY, TASK_MIN_PRIORITY

signature = lru_cache(maxsize=None)(inspect.signature)


@cache
def arity(function: Callable[..., Any], takes_context: bool) -> tuple[int, int]:
    """Return how many positional arguments are surely right when there are no others."""
    least = most = 0
    for one in signature(function).parameters.values():
        required = one.default is one.empty
        if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD):
            least, most = least + required, most + 1
        elif one.kind is one.KEYWORD_ONLY and required:
            return 1, 0  # never right
    return least - takes_context, most - takes_context


def check_priority(value: Any) -> None:
    """Raise InvalidOption for what cannot be compared; Django looks at the range."""
    countable = isinstance(value, int | float) and not isinstance(value, bool)
    if not countable or not math.isfinite(value):
        raise InvalidOption(
            f"priority must be a whole number between {TASK_MIN_PRIORITY} and "
            f"{TASK_MAX_PRIORITY}, not {value!r}"
        )


def check_run_after(value: Any) -> None:
    """Raise InvalidOption for what is neither a time nor a span that leads to one."""
    if isinstance(value, timedelta):
        if value.total_seconds() > MAX_SECONDS:
            raise InvalidOption("run_after is more than a thousand years away")
    elif not isinstance(value, datetime | None):
        raise InvalidOption(f"run_after must be a datetime or a timedelta, not {value!r}")


def with_zone(expires: Any) -> Any:
    """Return a naive time as the aware one that it means where USE_TZ is False."""
    if not isinstance(expires, datetime) or timezone.is_aware(expires):
        return expires
    if settings.USE_TZ:
        raise InvalidOption(f"expires must be an aware datetime, not {expires!r}")
    return timezone.make_aware(expires)
