"""Rules as forms and command lines take them: a kind, one value, and options, each a text."""

from collections.abc import Mapping
from typing import Any

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.domain.suggest import unknown
from django_convoy.scheduling.rules.values import blank

_TIME = ("at", "the time of day: 18:30; empty: that of the start")
KINDS: dict[str, tuple[str, str]] = {
    "cron": ("expression", "0 3 * * *, 6 fields, @daily, ..."),
    "every": ("interval", "600, 10m, 2h30m or 7d"),
    "once": ("at", "2030-01-31T09:00"),
    "minutes": ("minutes", "every so many minutes: 10"),
    "hourly": ("", "nothing more to say"),
    "daily": _TIME,
    "weekly": _TIME,
    "biweekly": _TIME,
    "monthly": _TIME,
    "bimonthly": _TIME,
    "quarterly": _TIME,
    "yearly": _TIME,
}
"""Each kind: what its constructor calls the value, and what to write."""
OPTIONS = {
    "tz": "IANA zone whose clocks count (default: the site's)",
    "start": "nothing before; intervals are counted from it",
    "end": "nothing after",
    "repeat": "how often in all",
    "between": "windows of the day: 9-17, 22-6; with commas",
    "weekdays": "only on these: mon-fri",
    "outside": "what falls outside of those: skip or move",
    "holidays": "dates with commas, or a country as the package `holidays` names it: DE",
    "on_holiday": "skip, before or after",
    "blackouts": "not then: 2030-12-24/2030-12-27, 12:00-13:00; with commas",
    "jitter": "seconds; enqueue up to so much later",
    "gap": "an hour that clocks skip: after, shift or skip",
    "fold": "an hour that they show twice: first, second or twice",
}
_UNITS = {"weeks": "w", "days": "d", "hours": "h", "minutes": "m", "seconds": "s"}


def data_of(kind: str, value: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `Rule.from_json` takes. Raises InvalidSchedule for an unknown kind."""
    if kind not in KINDS:
        raise InvalidSchedule(unknown("kind", kind, KINDS))
    name, _ = KINDS[kind]
    value = value.strip()
    if value and not name:
        raise InvalidSchedule(f"value: {kind} takes none, not {value!r}")
    given = {key: one for key, one in options.items() if not blank(one)}
    for key in ("holidays", "blackouts"):
        if isinstance(given.get(key), str) and ("," in given[key] or key == "blackouts"):
            given[key] = [one.strip() for one in given[key].split(",") if one.strip()]
    return {"kind": kind, **({name: value} if name and value else {}), **given}


def said(data: Mapping[str, Any]) -> tuple[str, str, dict[str, str]] | None:
    """Return (kind, value, options) of a rule's JSON; None for what cannot be said so."""
    rest = {key: one for key, one in data.items() if key not in OPTIONS and key != "kind"}
    options = {key: _text(data[key]) for key in OPTIONS if key in data}
    kind = data.get("kind", "")
    name = KINDS.get(kind, ("?", ""))[0]
    if kind == "every" and rest and rest.keys() <= _UNITS.keys():
        value = "".join(f"{rest[unit]}{_UNITS[unit]}" for unit in _UNITS if unit in rest)
        return kind, value, options
    if name != "?" and rest.keys() <= {name}:
        return kind, _text(rest.get(name, "")), options
    return None


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
