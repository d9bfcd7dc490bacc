"""The flags of a rule, and the dict that they say."""

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError

KINDS = {"cron": "expression", "every": "interval", "once": "at"}
"""The flags that say a kind of rule, and what its constructor calls the value."""
OPTIONS = {
    "time": ("HH:MM", "with --every in whole days: the time of day"),
    "tz": ("ZONE", "IANA zone whose clocks count (default: the site's)"),
    "start": ("TIME", "nothing before; intervals are counted from it"),
    "end": ("TIME", "nothing after"),
    "repeat": ("N", "how often in all"),
    "between": ("9-17", "windows of the day, with commas"),
    "weekdays": ("mon-fri", "only on these"),
    "outside": ("WHAT", "what falls outside of those: skip or move"),
    "holidays": ("DE", "dates with commas, or a country as the package `holidays` names it"),
    "on-holiday": ("WHAT", "skip, before or after"),
    "jitter": ("SECONDS", "enqueue up to so much later"),
    "gap": ("WHAT", "an hour that clocks skip: after, shift or skip"),
    "fold": ("WHAT", "an hour that they show twice: first, second or twice"),
}


def add_rule(parser: ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("--cron", metavar="EXPRESSION", help="'0 3 * * *', 6 fields, @daily, ...")
    parser.add_argument("--every", metavar="SPAN", help="600, 10m, 2h30m or 7d")
    parser.add_argument("--once", metavar="TIME", help="2030-01-31T09:00")
    parser.add_argument("--rule", metavar="JSON", help='any rule: {"kind": "monthly", ...}')
    for name, (metavar, told) in OPTIONS.items():
        parser.add_argument(f"--{name}", metavar=metavar, help=told)
    parser.add_argument(
        "--blackout", action="append", metavar="A/B", help="not from A to B; may be repeated"
    )


def rule_flags() -> list[str]:
    """Return the names of all of these flags."""
    return [*KINDS, "rule", *(name.replace("-", "_") for name in OPTIONS), "blackout"]


def read_rule(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `Rule.from_json` takes. Raises CommandError."""
    kinds = [kind for kind in (*KINDS, "rule") if options[kind] is not None]
    if len(kinds) != 1:
        told = f", not {' and '.join(f'--{kind}' for kind in kinds)}" if kinds else ""
        raise CommandError(f"say when: one of --cron, --every, --once and --rule{told}")
    (kind,) = kinds
    data = _json(options["rule"]) if kind == "rule" else {KINDS[kind]: options[kind], "kind": kind}
    for name in OPTIONS:
        value = options[name.replace("-", "_")]
        if value is not None:
            data["at" if name == "time" else name.replace("-", "_")] = value
    if options["blackout"]:
        data["blackouts"] = options["blackout"]
    return data


def _json(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise CommandError(f"--rule: {text!r} is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise CommandError(f'--rule: must be an object with "kind", not {text!r}')
    return data
