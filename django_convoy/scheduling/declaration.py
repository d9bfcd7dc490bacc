"""What somebody declares: a task, when it runs, and how."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django_convoy.db.schedules import MAX_NAME
from django_convoy.domain.errors import InvalidSchedule
from django_convoy.domain.suggest import instead
from django_convoy.scheduling.deciding import ALL, ALLOW, CATCH_UPS, LAST, OVERLAPS
from django_convoy.scheduling.rules import Rule
from django_convoy.scheduling.rules.values import blank

CODE, SETTINGS, RUNTIME, ADMIN, COMMAND = "code", "settings", "runtime", "admin", "command"
DECLARED = (CODE, SETTINGS)
"""Origins whose schedules follow the code: they are synchronised when a worker starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One schedule as it was declared.

    task: the path of the function. queue: its short name. rule: with its time zone.
    options: what the call has instead of its task's options, as a job carries it.
    intended: the argument that gets the intended time, or an empty text.
    """

    name: str
    task: str
    queue: str
    priority: int
    rule: Rule
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    intended: str = ""
    catch_up: str = LAST
    overlap: str = ALLOW
    origin: str = CODE

    def mark(self, dumps: Callable[[Any], str]) -> str:
        """Return a digest of all that is declared; the same in every process.

        dumps: writes values that are neither plain nor a container, as the serializer does.
        """
        said = [
            self.task,
            self.queue,
            self.priority,
            self.rule.to_json(),
            _ordered(self.args, dumps),
            _ordered(self.kwargs, dumps),
            self.options,
            self.intended,
            self.catch_up,
            self.overlap,
            self.origin,
        ]
        text = json.dumps(said, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _ordered(value: Any, dumps: Callable[[Any], str]) -> Any:
    """Return what JSON has for a value, with an order in what has none of its own."""
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, Mapping):
        return {str(key): _ordered(one, dumps) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_ordered(one, dumps) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(json.dumps(_ordered(one, dumps)) for one in value)
    return dumps(value)


def check_name(name: Any) -> str:
    """Return a schedule's name. Raises InvalidSchedule."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise InvalidSchedule(f"name: {name!r} cannot be a schedule's name: give it some text")
    if len(name) > MAX_NAME:
        raise InvalidSchedule(
            f"name: {name[:30]!r}... has {len(name)} characters; at most {MAX_NAME}"
        )
    return name


def check_policy(catch_up: Any, overlap: Any) -> None:
    """Raise InvalidSchedule for policies that there are not, or that exclude each other."""
    for what, value, allowed in (
        ("catch_up", catch_up, CATCH_UPS),
        ("overlap", overlap, OVERLAPS),
    ):
        if value not in allowed:
            raise InvalidSchedule(f"{what}: there is no {value!r}; {instead(str(value), allowed)}")
    if catch_up == ALL and overlap != ALLOW:
        raise InvalidSchedule(
            'catch_up: "all" makes up for missed firings at once, which '
            f'overlap={overlap!r} forbids: say catch_up="last"'
        )


def intended_name(value: Any) -> str:
    """Return the argument's name of `intended`: True, False or the name itself."""
    if value is True:
        return "intended"
    if blank(value) or value is False:
        return ""
    if not isinstance(value, str) or not value.isidentifier():
        raise InvalidSchedule(
            f"intended: must be True or the name of an argument of the task, not {value!r}"
        )
    return value
