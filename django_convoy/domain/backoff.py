"""How long to wait before the next attempt."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django_convoy.domain.errors import InvalidOption

LONGEST = 10 * 366 * 86400.0
"""Ten years: no store counts in larger numbers of seconds for sure."""
Curve = Callable[[int], float]


@dataclass(frozen=True, slots=True)
class Constant:
    """Wait the same number of seconds before each attempt."""

    seconds: float = 10.0

    def __call__(self, failures: int) -> float:
        return self.seconds


@dataclass(frozen=True, slots=True)
class Linear:
    """Wait `step` seconds longer after each failure, at most `limit` seconds."""

    step: float = 10.0
    limit: float = 3600.0

    def __call__(self, failures: int) -> float:
        return min(self.step * failures, self.limit)


@dataclass(frozen=True, slots=True)
class Exponential:
    """Wait `base * factor ** (failures - 1)` seconds, at most `limit`, spread by `jitter`.

    jitter: the share of the wait that is random, 0 to 1; spread evenly around the wait.
    """

    base: float = 5.0
    factor: float = 2.0
    limit: float = 3600.0
    jitter: float = 0.25

    def __call__(self, failures: int) -> float:
        try:
            wait = min(self.base * self.factor ** (failures - 1), self.limit)
        except OverflowError:
            wait = self.limit
        return wait * (1 + self.jitter * (2 * random.random() - 1))  # noqa: S311 - no secret


Backoff = Constant | Linear | Exponential | Curve
_NAMES: dict[str, type[Constant] | type[Linear] | type[Exponential]] = {
    "constant": Constant,
    "linear": Linear,
    "exponential": Exponential,
}


def parse_backoff(value: Any) -> Backoff:
    """Turn what a user may write into a curve.

    value: seconds, "constant", "linear", "exponential", `[name, {field: number}]`, or a
    function of the number of failures so far that returns seconds.
    Raises InvalidOption for anything else.
    """
    if isinstance(value, Constant | Linear | Exponential):
        return _checked(value)
    if isinstance(value, bool):
        pass
    elif isinstance(value, int | float) and value >= 0:
        return _checked(Constant(value))
    elif isinstance(value, str) and value in _NAMES:
        return _NAMES[value]()
    elif isinstance(value, list | tuple) and len(value) == 2 and value[0] in list(_NAMES):
        try:
            return _checked(_NAMES[value[0]](**value[1]))
        except TypeError as error:
            raise InvalidOption(f"backoff {value!r}: {error}") from None
    elif callable(value):
        curve: Curve = value
        return curve
    raise InvalidOption(
        f"backoff must be seconds (not negative), one of {', '.join(_NAMES)}, Constant(), "
        f"Linear(), Exponential() or a function of the number of failures, not {value!r}"
    )


def _checked(curve: Constant | Linear | Exponential) -> Backoff:
    for name in curve.__slots__:
        value = getattr(curve, name)
        usable = isinstance(value, int | float) and not isinstance(value, bool)
        if not usable or not 0 <= value <= LONGEST:
            raise InvalidOption(
                f"backoff: {name} of {type(curve).__name__} must be a number from 0 to "
                f"{LONGEST:g}, not {value!r}"
            )
    return curve


def backoff_to_json(curve: Backoff) -> Any:
    """Return what `parse_backoff` turns back into the same curve; a function by its path."""
    for name, kind in _NAMES.items():
        if isinstance(curve, kind):
            return [name, {field: getattr(curve, field) for field in kind.__slots__}]
    return f"{curve.__module__}.{curve.__qualname__}"  # type: ignore[union-attr]
