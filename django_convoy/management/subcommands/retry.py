"""`convoy retry`: run jobs again that failed, are set aside or wait for their next attempt."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_convoy.insight.control import Refused, failed, retry
from django_convoy.management.naming import hint, not_an_id
from django_convoy.management.output import Output
from django_convoy.runtime import Runtime


class Command:
    """Makes jobs ready, one by one; exits with 1 when one was refused."""

    help = "run failed, quarantined, buried or delayed jobs now"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which jobs."""
        parser.add_argument("ids", nargs="*", metavar="ID", help="jobs by their ids")
        parser.add_argument("--failed", action="store_true", help="all that failed")
        parser.add_argument("--queue", default="", help="with --failed: of this queue")
        parser.add_argument("--task", default="", help="with --failed: whose path contains this")

    def handle(self, runtime: Runtime, options: dict[str, Any], out: Output) -> int:
        """Retry them."""
        if bool(options["ids"]) == options["failed"]:
            raise CommandError("name jobs by their ids, or say --failed")
        if not options["failed"] and (options["queue"] or options["task"]):
            raise CommandError("--queue and --task go with --failed")
        chosen = options["ids"] or failed(runtime, queue=options["queue"], task=options["task"])
        done: list[str] = []
        refused: dict[str, str] = {}
        for job_id in chosen:
            try:
                retry(runtime, job_id)
                done.append(job_id)
            except Refused as error:
                refused[job_id] = str(error)
                out.warn(f"not retried: {not_an_id(job_id, str(error), '--failed --queue')}")
        if not done:
            hint(runtime, options["queue"], out)
        out.data({"retried": done, "refused": refused})
        out.line(f"{len(done)} {'job is' if len(done) == 1 else 'jobs are'} ready to run again.")
        return 1 if refused else 0
