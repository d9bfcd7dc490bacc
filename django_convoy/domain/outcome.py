"""What happened in a run: a closed union, the same for a live and a dead worker."""

import traceback as tracebacks
from dataclasses import asdict, dataclass
from typing import Any

from django_convoy.domain import clock

MAX_TRACEBACK = 20_000


@dataclass(frozen=True, slots=True)
class Error:
    """One failed run. at: ISO 8601, UTC."""

    exception_class_path: str
    message: str
    traceback: str
    attempt: int
    at: str

    @classmethod
    def of(cls, error: BaseException, attempt: int) -> "Error":
        """Describe an exception; never raises, whatever its `__str__` does."""
        kind = type(error)
        try:
            message = str(error)
            text = "".join(tracebacks.format_exception(error))
        except Exception as broken:
            message = text = f"(cannot be shown: {broken!r})"
        if len(text) > MAX_TRACEBACK:
            half = MAX_TRACEBACK // 2
            text = f"{text[:half]}\n... {len(text) - MAX_TRACEBACK} characters ...\n{text[-half:]}"
        path = f"{kind.__module__}.{kind.__qualname__}"
        return cls(path, message[:2000], text, attempt, clock.now().isoformat())

    def to_json(self) -> dict[str, Any]:
        """Return a plain dict."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The body returned. result: the serialized value, None when it is not kept."""

    result: str | None


@dataclass(frozen=True, slots=True)
class Failed:
    """The body raised and will not be tried again."""

    error: Error


@dataclass(frozen=True, slots=True)
class Retry:
    """The body raised and will be tried again after `delay` seconds."""

    error: Error
    delay: float


@dataclass(frozen=True, slots=True)
class Released:
    """It was not run, and goes back after `delay` seconds without costing an attempt."""

    reason: str
    delay: float


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The worker ended while it ran; it runs again after `delay` seconds.

    crash: whether it is charged with that. suspect: several jobs ran, and any may have done
    it: it is run alone next.
    """

    reason: str
    delay: float
    crash: bool
    suspect: bool = False


@dataclass(frozen=True, slots=True)
class Cancelled:
    """It was not run and never will be: somebody said so, or it expired."""

    error: Error


@dataclass(frozen=True, slots=True)
class Quarantined:
    """It is set aside, visible, and not run again until somebody says so.

    kind: the class in `domain.errors` that says why. crash: whether this run was one more.
    """

    reason: str
    kind: str = "WorkerDied"
    crash: bool = False


Outcome = Succeeded | Failed | Retry | Released | Interrupted | Cancelled | Quarantined
