"""`convoy purge`: throw away the jobs of a queue, or old records."""

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_convoy.insight import control, history
from django_convoy.insight.ages import in_words
from django_convoy.management.naming import add_queue, hint, queue_of
from django_convoy.management.output import Output
from django_convoy.management.spans import span
from django_convoy.runtime import Runtime


class Command:
    """Deletes without a record, so it asks first."""

    help = "delete the jobs of a queue, or records of finished jobs"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what is to go."""
        add_queue(parser, "its jobs that nobody holds")
        parser.add_argument("--finished", action="store_true", help="records of finished jobs")
        parser.add_argument(
            "--older-than", type=span, metavar="SPAN", help="with --finished: 7d, 12h, ..."
        )
        parser.add_argument("--no-input", action="store_true", help="do not ask")

    def handle(self, runtime: Runtime, options: dict[str, Any], out: Output) -> int:
        """Ask, then delete."""
        queue, age = queue_of(options), options["older_than"]
        if bool(queue) == options["finished"]:
            raise CommandError("name a queue, or say --finished --older-than SPAN")
        if options["finished"] != (age is not None):
            raise CommandError("--finished and --older-than SPAN go together")
        hint(runtime, queue, out)
        what = (
            f"all jobs of queue {queue!r} that nobody holds"
            if queue
            else f"the records of all jobs that finished more than {in_words(age)} ago"
        )
        if not options["no_input"] and not out.ask(f"Delete {what}?"):
            out.warn("Nothing was deleted.")
            return 1
        count = control.purge(runtime, queue) if queue else _forget(runtime, age)
        out.data({"deleted": count})
        out.line(f"Deleted: {count}.")
        return 0


def _forget(runtime: Runtime, age: timedelta) -> int:
    total = 0
    while count := history.forget(runtime, age):
        total += count
    if count is None:
        raise CommandError("the store of this backend has no records that can be listed")
    return total
