"""What of a value JSON cannot carry, and where it is: looked for only when writing failed."""

import math
from collections.abc import Iterator
from typing import Any

MAX_DIGITS = 4300
"""Python reads no longer numbers from text, unless told to."""

DEEPEST = 500


def complaint(value: Any) -> str:
    """Return a sentence that names the place."""
    todo: list[tuple[str, Any, tuple[int, ...]]] = [("it", value, ())]
    while todo:
        place, one, around = todo.pop()
        if id(one) in around:
            return f"{place} contains itself"
        if len(around) > DEEPEST:
            return f"{place[:60]}... is nested too deeply"
        if said := _about(one):
            return f"{place} {said}"
        inner = [(f"{place}{step}", part, (*around, id(one))) for step, part in _parts(one)]
        todo += reversed(inner)
    return "it was changed while it was written"


def _about(one: Any) -> str:
    if isinstance(one, float) and not math.isfinite(one):
        name = "NaN" if math.isnan(one) else repr(one)
        return f"is {name}, which JSON does not have; pass None, or a Decimal"
    if isinstance(one, int) and abs(one) >= 10**MAX_DIGITS:
        return f"is a number of more than {MAX_DIGITS} digits; pass it as text"
    if isinstance(one, str) and not one.isascii():
        try:
            one.encode()
        except UnicodeEncodeError:
            return "has lone surrogates, which no database stores; encode it to bytes first"
    return ""


def _parts(one: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(one, dict):
        for key, part in one.items():
            yield f".keys[{key!a}]", key
            yield f"[{key!r}]", part
    elif isinstance(one, list | tuple | set | frozenset):
        for index, part in enumerate(one):
            yield f"[{index}]", part
