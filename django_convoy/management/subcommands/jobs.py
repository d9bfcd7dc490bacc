"""`convoy jobs`: live and finished jobs in a list."""

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from django_convoy.contracts.broker import Browsable
from django_convoy.contracts.store import STATUSES
from django_convoy.domain import clock
from django_convoy.insight.ages import ago, in_words
from django_convoy.insight.history import Finished, finished
from django_convoy.insight.jobs import Live, live
from django_convoy.management.counts import count
from django_convoy.management.naming import add_queue, hint, queue_of
from django_convoy.management.output import Output
from django_convoy.runtime import Runtime


class Command:
    """Lists live jobs, then finished ones; filters leave out the part they do not fit."""

    help = "live and finished jobs"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the filters."""
        add_queue(parser, "only this queue")
        parser.add_argument("--task", default="", help="only tasks whose path contains this")
        parser.add_argument(
            "--state", default="", choices=Browsable.states, help="live jobs in this state"
        )
        parser.add_argument(
            "--status", default="", type=str.upper, choices=STATUSES, help="finished jobs"
        )
        parser.add_argument("--limit", default=20, type=count, help="of each (default: 20)")

    def handle(self, runtime: Runtime, options: dict[str, Any], out: Output) -> None:
        """Show the lists."""
        queue = queue_of(options)
        where = {"queue": queue, "task": options["task"], "limit": options["limit"]}
        data: dict[str, Any] = {}
        if not options["status"]:
            broker = runtime.shared.broker
            if not isinstance(broker, Browsable) and runtime.shared.view is not None:
                kind = type(broker).__name__
                out.warn(f"{kind} cannot list its jobs: shown are those in the outbox")
            waiting = live(runtime, state=options["state"], **where)
            data["live"] = [asdict(one) for one in waiting]
            _show_live(waiting, out)
        if not options["state"]:
            statuses = [options["status"]] if options["status"] else []
            over = finished(runtime, statuses=statuses, **where)
            data["finished"] = over and [asdict(one) for one in over]
            if data.get("live"):
                out.line()
            _show_finished(over, out)
        if not any(data.values()):
            hint(runtime, queue, out)
        out.data(data)


def _show_live(jobs: list[Live], out: Output) -> None:
    if not jobs:
        out.line("No live jobs.")
        return
    now = clock.now()
    out.title("Live jobs, oldest first")
    out.table(
        ("Id", "Queue", "Task", "State", "Attempt", "Enqueued", "Note"),
        (
            (
                one.id,
                one.queue,
                one.task,
                "running" if one.started_at else one.state,
                one.attempt,
                ago(one.enqueued_at, now),
                _note(one),
            )
            for one in jobs
        ),
    )


def _note(job: Live) -> str:
    if job.state == "delayed" and job.wake_at is not None:
        return ", ".join(filter(None, [f"due {ago(job.wake_at, clock.now())}", job.waiting]))
    return job.waiting or job.worker


def _show_finished(jobs: list[Finished] | None, out: Output) -> None:
    if jobs is None:
        out.line("The store of this backend cannot list finished jobs.")
        return
    if not jobs:
        out.line("No finished jobs.")
        return
    now = clock.now()
    out.title("Finished jobs, newest first")
    out.table(
        ("Id", "Queue", "Task", "Status", "Attempt", "Finished", "Took"),
        (
            (
                one.id,
                one.queue,
                one.task,
                one.status,
                one.attempt,
                ago(one.finished_at, now),
                in_words(one.finished_at - one.started_at if one.started_at else None),
            )
            for one in jobs
        ),
    )
