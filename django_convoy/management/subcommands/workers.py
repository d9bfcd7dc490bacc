"""`convoy workers`: who works, and telling them to stop."""

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_convoy.insight.workers import Worker, tell_to_stop, workers
from django_convoy.management.output import Output
from django_convoy.management.subcommands.status import show_workers, worker_data
from django_convoy.runtime import Runtime

PAUSE = 0.5


class Command:
    """Lists supervisors, or tells them to finish what they run and end."""

    help = "list workers; workers stop NAME... | --all [--wait]"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the action."""
        parser.add_argument(
            "action", nargs="?", default="list", choices=["list", "stop"], help="list by default"
        )
        parser.add_argument("names", nargs="*", metavar="NAME", help="names, hosts or ids")
        parser.add_argument("--all", action="store_true", help="every worker of this backend")
        parser.add_argument("--wait", action="store_true", help="until they are gone")

    def handle(self, runtime: Runtime, options: dict[str, Any], out: Output) -> None:
        """List or stop."""
        there = workers(runtime)
        if options["action"] == "list":
            if options["names"] or options["all"] or options["wait"]:
                raise CommandError("names, --all and --wait go with `workers stop`")
            out.data([worker_data(one) for one in there])
            show_workers(there, out)
            return
        chosen = _chosen(there, options)
        for one in chosen:
            if one.silent:
                out.warn(f"{one.name} on {one.host} is silent: it may not hear this")
        ids = [one.id for one in chosen]
        tell_to_stop(runtime, ids)
        left = [] if not options["wait"] else _wait(runtime, set(ids), out)
        out.data({"told": ids, "silent": left})
        if options["wait"]:
            out.line(f"Stopped: {len(ids) - len(left)}.")
        else:
            out.line(f"Told to stop: {', '.join(one.name for one in chosen) or 'nobody'}.")


def _chosen(there: list[Worker], options: dict[str, Any]) -> list[Worker]:
    names = options["names"]
    if bool(names) == options["all"]:
        raise CommandError("name workers, or say --all")
    for name in names:
        if not any(name in (one.id, one.name, one.host) for one in there):
            known = ", ".join(sorted({one.name for one in there})) or "none"
            raise CommandError(f"there is no worker {name!r}; there is: {known}")
    return [one for one in there if not names or {one.id, one.name, one.host} & set(names)]


def _wait(runtime: Runtime, ids: set[str], out: Output) -> list[str]:
    """Wait until they have taken themselves off the list; return those who went silent."""
    while True:
        left = [one for one in workers(runtime) if one.id in ids]
        if all(one.silent for one in left):
            for one in left:
                out.warn(f"{one.name} on {one.host} went silent without saying that it stopped")
            return [one.id for one in left]
        time.sleep(PAUSE)
