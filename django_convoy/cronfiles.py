"""`cron.py` of an app: management commands at fixed times, as django-lightweight-queue has them.

CONFIG = (
    {"command": "clearsessions", "hours": "3", "minutes": "0"},
)
"""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from django_convoy.domain.errors import InvalidOption, InvalidSchedule
from django_convoy.domain.suggest import unknown
from django_convoy.framework import InvalidTask
from django_convoy.schedules import Schedule
from django_convoy.scheduling.rules import fields
from django_convoy.tasks import ConvoyTask

QUEUE = "cron"
_FIELDS = (
    "command",
    "command_args",
    "command_kwargs",
    "days",
    "hours",
    "minutes",
    "queue",
    "sigkill_on_stop",
    "timeout",
    "timezone",
)


def commands_of(module: ModuleType) -> Iterator[tuple[str, Schedule]]:
    """Return (place, schedule) for each entry of CONFIG. Raises InvalidSchedule."""
    config = getattr(module, "CONFIG", None)
    if config is None:
        return  # another package's cron.py
    if not isinstance(config, list | tuple):
        raise InvalidSchedule(f"{module.__name__}: CONFIG must be a list or tuple of dicts")
    names: dict[str, int] = {}
    for number, entry in enumerate(config):
        place = f"{module.__name__}.CONFIG[{number}]"
        try:
            made = _schedule(module, entry)
        except (InvalidSchedule, InvalidTask, InvalidOption) as error:
            raise InvalidSchedule(f"{place}: {error}") from error
        count = names[made.name] = names.get(made.name, 0) + 1
        if count > 1:
            made = Schedule(
                name=f"{made.name}#{count}", task=made.task, rule=made.rule, **_call(entry)
            )
        yield place, made


def _schedule(module: ModuleType, entry: Any) -> Schedule:
    if not isinstance(entry, Mapping):
        raise InvalidSchedule(f"must be a dict, not {entry!r}")
    for key in entry:
        if key not in _FIELDS:
            raise InvalidSchedule(unknown("field", str(key), _FIELDS))
    for key in ("command", "hours", "minutes"):
        if key not in entry:
            raise InvalidSchedule(f"{key}: is missing")
    command = entry["command"]
    if not isinstance(command, str) or not command:
        raise InvalidSchedule(f"command: must be the name of a management command, not {command!r}")
    when = {key: entry[key] for key in ("hours", "minutes", "days") if key in entry}
    if "timezone" in entry:
        when["tz"] = entry["timezone"]
    from django_convoy.commands import run_command  # lazy: its backend may not be configured

    using: dict[str, Any] = {"queue_name": entry.get("queue", _queue(run_command))}
    if entry.get("timeout") is not None:
        using["timeout"] = entry["timeout"]
    if "sigkill_on_stop" in entry:
        using["kill_on_stop"] = entry["sigkill_on_stop"]
    app = module.__name__.rpartition(".")[0]
    return Schedule(
        name=f"{app}.cron:{command}",
        task=run_command.using(**using),
        rule=fields(**when),
        **_call(entry),
    )


def _queue(task: ConvoyTask[..., Any]) -> str:
    """Return where commands go that name no queue: to one of their own, if QUEUES has it."""
    queues = task.get_backend().queues
    return QUEUE if not queues or QUEUE in queues else task.queue_name


def _call(entry: Mapping[str, Any]) -> dict[str, Any]:
    args = entry.get("command_args", ())
    if isinstance(args, str) or not isinstance(args, list | tuple):
        raise InvalidSchedule(f"command_args: must be a list or tuple, not {args!r}")
    kwargs = entry.get("command_kwargs", {})
    if not isinstance(kwargs, Mapping):
        raise InvalidSchedule(f"command_kwargs: must be a dict, not {kwargs!r}")
    return {"args": [entry["command"], *args], "kwargs": dict(kwargs)}
