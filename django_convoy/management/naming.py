"""The queue that a command is about: `QUEUE` or `--queue QUEUE`, and a hint for a mistyped one."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from django_convoy.insight.queues import unheard
from django_convoy.management.output import Output
from django_convoy.runtime import Runtime


def add_queue(parser: ArgumentParser, help: str) -> None:
    """Take both forms."""
    parser.add_argument("named", nargs="?", default="", metavar="QUEUE", help=help)
    parser.add_argument("--queue", default="", help="the same")


def queue_of(options: dict[str, Any]) -> str:
    """Return the name, empty if none was given. Raises CommandError for two."""
    named, given = options["named"], options["queue"]
    if named and given and named != given:
        raise CommandError(f"two queues are named, {named!r} and {given!r}: choose one")
    return str(named or given)


def hint(runtime: Runtime, queue: str, out: Output) -> None:
    """Warn of a name that is most probably mistyped."""
    if told := queue and unheard(runtime, queue, runtime.declared_queues):
        out.warn(told)


def not_an_id(job_id: str, told: str, flags: str) -> str:
    """Return what is told of a job, with a hint where its id is none. flags: for a queue."""
    if len(job_id) == 32:
        return told
    return f"{told} (an id has 32 digits; for a queue say {flags} {job_id})"
