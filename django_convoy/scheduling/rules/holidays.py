"""Holidays: a set of dates, or a country's, from the package `holidays`."""

import importlib
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.domain.suggest import instead
from django_convoy.scheduling.rules.values import day, refuse

Holidays = frozenset[date] | str
BEFORE = "before"
AFTER = "after"
SKIP = "skip"
ON_HOLIDAY = (SKIP, BEFORE, AFTER)


def holidays(field: str, value: Any) -> Holidays:
    """Return dates, or the name of a country with or without a part of it: 'DE', 'DE-BY'."""
    if isinstance(value, str) and not value[:1].isdigit():
        name = value.strip().upper()
        country = name.partition("-")[0]
        if not (country.isascii() and country.isalpha() and len(country) in (2, 3)):
            refuse(field, "dates, or a country such as 'DE' or 'DE-BY'", value)
        dates_of(name)
        return name
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    if not isinstance(value, Iterable):
        refuse(field, "dates, or a country such as 'DE' or 'DE-BY'", value)
    return frozenset(day(field, one) for one in value)


@lru_cache(maxsize=64)
def dates_of(name: str) -> Container[date]:
    """Return the holidays of a country."""
    country, _, part = name.partition("-")
    try:
        package = importlib.import_module("holidays")
    except ImportError:
        raise InvalidSchedule(
            f"holidays: {name!r} needs the package `holidays`: pip install holidays. Or give the "
            "dates themselves"
        ) from None
    try:
        found: Container[date] = package.country_holidays(country, subdiv=part or None)
    except (NotImplementedError, KeyError, ValueError, TypeError) as error:
        raise InvalidSchedule(
            f"holidays must be a country that the package `holidays` knows, not {name!r}: {error}"
            f"; {_instead(package.list_supported_countries(), country, part)}"
        ) from None
    return found


def _instead(known: Mapping[str, Sequence[str]], country: str, part: str) -> str:
    """Return what is allowed: parts of a country that is known, or a country."""
    if parts := known.get(country):
        return f"its parts: {instead(part, parts)}"
    return "allowed: codes of ISO 3166 such as 'DE', of most countries"
