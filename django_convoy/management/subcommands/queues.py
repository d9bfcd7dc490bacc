"""`convoy queues`: what is in each queue, and removing one."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_convoy.insight import control
from django_convoy.insight.queues import queues
from django_convoy.management.naming import hint
from django_convoy.management.output import Output
from django_convoy.management.subcommands.status import queue_data, show_queues
from django_convoy.runtime import Runtime


class Command:
    """Shows the queues that have jobs or are declared in QUEUES, or removes one."""

    help = "how many jobs are in each queue; queues delete NAME"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the action."""
        parser.add_argument(
            "action", nargs="?", default="list", choices=["list", "delete"], help="list by default"
        )
        parser.add_argument(
            "name",
            nargs="?",
            default="",
            metavar="NAME",
            help="with delete: the queue that is removed on its server, with all its jobs",
        )
        parser.add_argument("--no-input", action="store_true", help="do not ask")

    def handle(self, runtime: Runtime, options: dict[str, Any], out: Output) -> int:
        """List or delete."""
        name = options["name"]
        if options["action"] == "delete":
            return _delete(runtime, name, out, ask=not options["no_input"])
        if name:
            raise CommandError("a name goes with `queues delete`")
        there = queues(runtime, tuple(runtime.declared_queues))
        out.data([queue_data(one) for one in there])
        show_queues(there, out)
        return 0


def _delete(runtime: Runtime, name: str, out: Output, *, ask: bool) -> int:
    if not name:
        raise CommandError("name the queue that is to be deleted")
    hint(runtime, name, out)
    if ask and not out.ask(
        f"Delete queue {name!r} with all its jobs, also those that workers hold and may be running?"
    ):
        out.warn("Nothing was deleted.")
        return 1
    count = control.delete(runtime, name)
    out.data({"deleted": count})
    out.line(f"Deleted: the queue, with {count} {'job' if count == 1 else 'jobs'}.")
    return 0
