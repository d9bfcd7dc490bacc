"""`convoy enqueue`: enqueue a task from the command line."""

import json
import re
from inspect import signature
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_convoy.framework import DEFAULT_TASK_BACKEND_ALIAS, InvalidTask
from django_convoy.management.output import Output
from django_convoy.management.spans import moment, span
from django_convoy.registry import find_task
from django_convoy.runtime import Runtime
from django_convoy.tasks import ConvoyTask

_KEYWORD = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


class Command:
    """Enqueues one job and prints its id."""

    help = "enqueue a task: convoy enqueue shop.tasks.bill 42 urgent=true"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the task, its arguments and what `.using()` takes."""
        parser.add_argument("task", help="the task's dotted path")
        parser.add_argument(
            "arguments", nargs="*", help="JSON or else text; name=value is a keyword argument"
        )
        parser.add_argument("--queue", help="instead of the task's own queue")
        parser.add_argument("--priority", type=int, help="-100 to 100, higher first")
        parser.add_argument("--timeout", type=span, help="seconds, or a span such as 10m")
        parser.add_argument(
            "--at", type=moment, metavar="TIME", help="ISO time, or a span from now such as +10m"
        )

    def handle(self, runtime: Runtime, options: dict[str, Any], out: Output) -> None:
        """Enqueue it."""
        using: dict[str, Any] = {}
        names = {"queue": "queue_name", "priority": "priority", "at": "run_after"}
        for option, name in {**names, "timeout": "timeout"}.items():
            if options[option] is not None:
                using[name] = options[option]
        if options["backend"] != DEFAULT_TASK_BACKEND_ALIAS:
            using["backend"] = options["backend"]
        args, kwargs = read_arguments(options["arguments"])
        try:
            task = find_task(options["task"]).using(**using)
            result = _enqueue(task, args, kwargs)
        except InvalidTask as error:
            raise CommandError(str(error)) from error
        out.data({"id": result.id})
        out.line(result.id)


def _enqueue(task: ConvoyTask[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
    try:
        task.check_call(args, kwargs)
    except TypeError as error:
        called = f"{task.module_path}{signature(task.func)}"
        raise CommandError(f"{error}. It is called as {called}") from error
    return task.enqueue(*args, **kwargs)


def read_arguments(given: list[str]) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and keyword arguments. Raises CommandError for a name given twice."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for text in given:
        match = _KEYWORD.fullmatch(text)
        if match is None:
            args.append(_value(text))
        elif match[1] in kwargs:
            raise CommandError(f"{match[1]} is given twice")
        else:
            kwargs[match[1]] = _value(match[2])
    return args, kwargs


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
