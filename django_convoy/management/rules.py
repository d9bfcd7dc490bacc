"""The flags of a rule, and the dict that they say."""

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError

from django_convoy.scheduling.wording import KINDS, OPTIONS, data_of

FLAGS = {"cron": "EXPRESSION", "every": "SPAN", "once": "TIME"}
"""The flags that say a kind of rule with its value."""


def add_rule(parser: ArgumentParser) -> None:
    """Add the flags."""
    for kind, metavar in FLAGS.items():
        parser.add_argument(f"--{kind}", metavar=metavar, help=KINDS[kind][1])
    parser.add_argument("--rule", metavar="JSON", help='any rule: {"kind": "monthly", ...}')
    parser.add_argument("--time", metavar="HH:MM", help="with --every in whole days")
    for name, told in OPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", help=told)


def rule_flags() -> list[str]:
    """Return the names of all of these flags."""
    return [*FLAGS, "rule", "time", *OPTIONS]


def read_rule(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `Rule.from_json` takes. Raises CommandError, InvalidSchedule."""
    kinds = [kind for kind in (*FLAGS, "rule") if options[kind] is not None]
    if len(kinds) != 1:
        told = f", not {' and '.join(f'--{kind}' for kind in kinds)}" if kinds else ""
        raise CommandError(f"say when: one of --cron, --every, --once and --rule{told}")
    (kind,) = kinds
    given = {name: options[name] for name in OPTIONS}
    if kind == "rule":
        more = {name: value for name, value in given.items() if value is not None}
        return _json(options["rule"]) | more
    data = data_of(kind, options[kind], given)
    if options["time"] is None:
        return data
    if kind != "every":
        raise CommandError("--time goes with --every")
    return {**data, "at": options["time"]}


def _json(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise CommandError(f"--rule: {text!r} is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise CommandError(f'--rule: must be an object with "kind", not {text!r}')
    return data
