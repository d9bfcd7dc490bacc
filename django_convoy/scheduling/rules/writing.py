"""Writes a rule as JSON. Only what was said is in it, in words that people may also write."""

from typing import Any

from django_convoy.scheduling.rules.days import ALL
from django_convoy.scheduling.rules.terms import Terms
from django_convoy.scheduling.rules.values import WEEKDAYS

_PLAIN = Terms.__dataclass_fields__


def to_json(terms: Terms) -> dict[str, Any]:
    """Return what makes the rule again."""
    data = terms.trigger.to_json()
    for name in ("tz", "repeat", "outside", "on_holiday", "gap", "fold"):
        if getattr(terms, name) != _PLAIN[name].default:
            data[name] = getattr(terms, name)
    if terms.start is not None:
        data["start"] = terms.start.isoformat()
    if terms.end is not None:
        data["end"] = terms.end.isoformat()
    if terms.between:
        data["between"] = ", ".join(map(str, terms.between))
    if terms.weekdays != ALL:
        data["weekdays"] = ",".join(WEEKDAYS[day][:3] for day in sorted(terms.weekdays))
    if terms.holidays:
        plain = isinstance(terms.holidays, str)
        data["holidays"] = terms.holidays if plain else [str(day) for day in sorted(terms.holidays)]
    if terms.blackouts:
        data["blackouts"] = [str(one) for one in terms.blackouts]
    if terms.jitter:
        seconds = terms.jitter.total_seconds()
        data["jitter"] = int(seconds) if seconds.is_integer() else seconds
    return data
