"""`convoy move`: take the jobs of one backend to another."""

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_convoy.backend import ConvoyBackend
from django_convoy.domain import ids
from django_convoy.domain.suggest import unknown
from django_convoy.framework import task_backends
from django_convoy.management.counts import count
from django_convoy.management.output import Output
from django_convoy.moving.moved import Moved
from django_convoy.moving.mover import Mover
from django_convoy.runtime import Runtime

SAY_SECONDS = 5.0


class Command:
    """Moves waiting, delayed and buried jobs; may be killed and run again. Exits with 1 when some
    had to stay."""

    help = "move waiting jobs to another backend: convoy move --from A --to B"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add from where, and to where."""
        parser.add_argument(
            "--from", dest="source", default="", metavar="A", help="alias of TASKS; else --backend"
        )
        parser.add_argument("--to", required=True, metavar="B", help="alias of TASKS")
        parser.add_argument("--queue", default="", help="only this queue")
        parser.add_argument(
            "--batch", type=count, default=100, metavar="N", help="jobs at a time (100)"
        )
        parser.add_argument(
            "--resend",
            action="store_true",
            help="send what a move that was killed may have sent, too, where nobody can tell",
        )

    def handle(self, runtime: Runtime, options: dict[str, Any], out: Output) -> int:
        """Move them."""
        source = _runtime(options["source"]) if options["source"] else runtime
        target = _runtime(options["to"])
        mover = Mover(
            source,
            target,
            batch=options["batch"],
            name=f"move.{ids.token()}",
            resend=options["resend"],
        )
        try:
            said = time.monotonic()
            for queue in mover.check(options["queue"]):
                for number in mover.run(queue):
                    if time.monotonic() > said + SAY_SECONDS:
                        said = time.monotonic()
                        out.line(f"{number} moved, queue {queue!r} ...")
        finally:
            mover.close()
        _say(mover.moved, source, target, out)
        return 1 if mover.moved.reasons() else 0


def _runtime(alias: str) -> Runtime:
    if alias not in task_backends.settings:
        raise CommandError(unknown("alias of TASKS", alias, task_backends.settings))
    backend = task_backends[alias]
    if not isinstance(backend, ConvoyBackend):
        raise CommandError(f"TASKS[{alias!r}] is not a backend of Convoy's")
    return backend.runtime


def _say(moved: Moved, source: Runtime, target: Runtime, out: Output) -> None:
    left = moved.reasons()
    out.data({"moved": moved.count, "left": left, "held": moved.held, "forgotten": moved.forgotten})
    out.line(f"{_jobs(moved.count)} moved from {source.alias!r} to {target.alias!r}.")
    for word, number in moved.forgotten.items():
        kind = type(target.shared.broker).__name__
        out.warn(f"{_jobs(number)} lost what {kind} cannot keep: {word}")
    if moved.held:
        out.warn(f"{_jobs(moved.held)} stayed with workers of {source.alias!r} that hold them")
    for why, number in left.items():
        out.warn(f"{_jobs(number)} stayed: {why}")


def _jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"
