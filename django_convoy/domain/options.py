"""What may be said of a job besides its arguments: the policy that the core applies."""

import importlib
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from django_convoy.domain.backoff import Backoff, Exponential, backoff_to_json, parse_backoff
from django_convoy.domain.errors import InvalidOption
from django_convoy.domain.suggest import unknown

AT_LEAST_ONCE = "at_least_once"
AT_MOST_ONCE = "at_most_once"
Exceptions = tuple[type[BaseException], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """How a job is run.

    retries: further attempts after a run that raised.
    backoff: seconds before the next attempt, by the number of failures so far.
    retry_on: only these exceptions are retried. give_up_on: these never are.
    timeout: seconds the body may take; then TimeoutExceeded is raised in it. None: any time.
    grace: seconds after the timeout, or after a stop, before the process is killed.
    atomic: body, outcome and what it enqueues commit in one database transaction.
    delivery: "at_least_once", or "at_most_once" (settled before it runs).
    expires: not started later than this after it was enqueued; None: any time.
    kill_on_stop: a stopping worker ends this job at once, and it runs again.
    crash_budget: how many times it may take its worker down before it is quarantined.
    keep: how long the record of a finished job is kept; None: as the backend says.
    keep_result: whether the value returned is kept.
    """

    retries: int = 0
    backoff: Backoff = Exponential()
    retry_on: Exceptions = (Exception,)
    give_up_on: Exceptions = ()
    timeout: float | None = None
    grace: float = 10.0
    atomic: bool = False
    delivery: str = AT_LEAST_ONCE
    expires: timedelta | datetime | None = None
    kill_on_stop: bool = False
    crash_budget: int = 3
    keep: timedelta | None = None
    keep_result: bool = True


MAX_SECONDS = 86400.0 * 366 * 1000
"""A thousand years: more would not fit into a date."""
NAMES = frozenset(field.name for field in fields(JobOptions))
DEFAULTS = JobOptions()


def seconds(name: str, value: Any) -> float:
    """Return a duration in seconds. Raises InvalidOption unless it is above 0 and countable."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    if not usable or not 0 < value <= MAX_SECONDS:
        raise InvalidOption(f"{name} must be a timedelta or seconds above 0, not {value!r}")
    return float(value)


def _exception(name: str, value: Any) -> type[BaseException]:
    if isinstance(value, str):
        module, _, attribute = value.rpartition(".")
        try:
            value = getattr(importlib.import_module(module or "builtins"), attribute)
        except (ImportError, AttributeError):
            raise InvalidOption(f"{name}: there is no exception {value!r}") from None
    if isinstance(value, type) and issubclass(value, BaseException):
        return value
    raise InvalidOption(f"{name} takes exception classes or their paths, not {value!r}")


def _exceptions(name: str, value: Any) -> Exceptions:
    many = value if isinstance(value, list | tuple | set | frozenset) else (value,)
    return tuple(_exception(name, one) for one in many)


def _count(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidOption(f"{name} must be a whole number from {least} up, not {value!r}")
    return value


def clean(name: str, value: Any) -> Any:
    """Return an option in its stored type.

    Raises InvalidOption that names the option, what was given and what is allowed.
    """
    match name:
        case "retries":
            return _count(name, value, 0)
        case "crash_budget":
            return _count(name, value, 1)
        case "backoff":
            return parse_backoff(_function(value))
        case "retry_on" | "give_up_on":
            return _exceptions(name, value)
        case "timeout" | "keep" | "expires" if value is None:
            return None
        case "timeout":
            return seconds(name, value)
        case "grace":
            return 0.0 if value == 0 else seconds(name, value)
        case "keep":
            return timedelta(seconds=seconds(name, value))
        case "expires":
            return _expiry(value)
        case "delivery":
            if value not in (AT_LEAST_ONCE, AT_MOST_ONCE):
                raise InvalidOption(
                    f"delivery must be {AT_LEAST_ONCE!r} or {AT_MOST_ONCE!r}, not {value!r}; "
                    "for exactly-once database work say atomic=True"
                )
            return value
        case "atomic" | "kill_on_stop" | "keep_result":
            if not isinstance(value, bool):
                raise InvalidOption(f"{name} must be True or False, not {value!r}")
            return value
        case _:
            raise InvalidOption(unknown("task option", name, NAMES))


def _expiry(value: Any) -> timedelta | datetime:
    if isinstance(value, str):  # as a job carries it
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidOption(
                f"expires must be a timedelta, seconds above 0 or a datetime, not {value!r}"
            ) from None
    return value if isinstance(value, datetime) else timedelta(seconds=seconds("expires", value))


def _function(value: Any) -> Any:
    """Return the function behind a dotted path, as `backoff_to_json` writes it."""
    if isinstance(value, str) and "." in value:
        module, _, attribute = value.rpartition(".")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError):
            raise InvalidOption(f"backoff: there is no function {value!r}") from None
    return value


def to_json(name: str, value: Any) -> Any:
    """Return an option as JSON carries it; `clean` turns it back.

    Raises InvalidOption for what has no path that a worker could import.
    """
    if name == "backoff":
        written = backoff_to_json(value)
        return _importable(name, written) if isinstance(written, str) else written
    if name in ("retry_on", "give_up_on"):
        return [_importable(name, f"{kind.__module__}.{kind.__qualname__}") for kind in value]
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def _importable(name: str, path: str) -> str:
    if "<" in path:
        raise InvalidOption(
            f"{name}: {path} cannot travel with a job; define it at a module's top level, or "
            "say it in the task's decorator"
        )
    return path


def check_together(options: JobOptions, *, is_async: bool) -> None:
    """Raise InvalidOption for options that contradict each other."""
    if options.atomic and is_async:
        raise InvalidOption(
            "atomic=True needs a plain function: Django has no transactions in async code. "
            "Write `def` instead of `async def`"
        )
    if options.atomic and options.delivery == AT_MOST_ONCE:
        raise InvalidOption('atomic=True and delivery="at_most_once" exclude each other')
    if options.delivery == AT_MOST_ONCE and options.retries:
        raise InvalidOption('delivery="at_most_once" runs once: retries must stay 0')
    if options.delivery == AT_MOST_ONCE and options.kill_on_stop:
        raise InvalidOption(
            'kill_on_stop runs the job again, which delivery="at_most_once" forbids'
        )
