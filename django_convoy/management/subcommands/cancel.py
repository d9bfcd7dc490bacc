"""`convoy cancel`: take waiting jobs out, with a record that says so."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_convoy.insight.control import Refused, cancel, cancel_queue
from django_convoy.management.naming import hint, not_an_id
from django_convoy.management.output import Output
from django_convoy.runtime import Runtime

REASON = "cancelled on the command line"


class Command:
    """Cancels jobs that nobody holds; exits with 1 when one was refused."""

    help = "take out waiting jobs, and record them as cancelled"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which jobs."""
        parser.add_argument("ids", nargs="*", metavar="ID", help="jobs by their ids")
        parser.add_argument("--queue", default="", help="all waiting jobs of this queue")
        parser.add_argument("--reason", default=REASON, help="kept in the records")

    def handle(self, runtime: Runtime, options: dict[str, Any], out: Output) -> int:
        """Cancel them."""
        if bool(options["ids"]) == bool(options["queue"]):
            raise CommandError("name jobs by their ids, or a queue with --queue")
        count, refused = 0, {}
        if options["queue"]:
            count = cancel_queue(runtime, options["queue"], options["reason"])
        if not count:
            hint(runtime, options["queue"], out)
        for job_id in options["ids"]:
            try:
                cancel(runtime, job_id, options["reason"])
                count += 1
            except Refused as error:
                refused[job_id] = str(error)
                out.warn(f"not cancelled: {not_an_id(job_id, str(error), '--queue')}")
        out.data({"cancelled": count, "refused": refused})
        out.line(f"{count} {'job' if count == 1 else 'jobs'} cancelled.")
        return 1 if refused else 0
