"""`convoy worker`: run jobs."""

import logging
import os
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connections
from django.utils.module_loading import autodiscover_modules

from django_convoy import conf, declared
from django_convoy.core.lanes import EVERY, parse
from django_convoy.launch import build_engine, prepare_database
from django_convoy.management.output import Output
from django_convoy.runtime import Runtime
from django_convoy.version import VERSION
from django_convoy.worker import affinity, logs, memory
from django_convoy.worker.layout import MOST_WORKERS, SLOTS
from django_convoy.worker.plan import Plan
from django_convoy.worker.rehearsal import is_rehearsal
from django_convoy.worker.solo import run_solo
from django_convoy.worker.supervisor import Supervisor

logger = logging.getLogger("django_convoy")
NEED_FORK = {
    "concurrency": ("--async", "coroutines run in its threads, so say --threads"),
    "max_jobs": ("--max-jobs", "nobody could replace it"),
    "max_rss": ("--max-rss", "nobody could replace it"),
    "affinity": ("--affinity", "bind it from outside"),
    "reload": ("--reload", "stop it, and start it again"),
}
"""Flags that cannot work where everything runs in one process, and what to do instead."""


class Command:
    """Starts a supervisor with its workers and a steward, in the foreground."""

    help = "run jobs until told to stop (TERM or Ctrl-C; twice to stop now)"
    requires_system_checks = "__all__"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the worker's flags; defaults come from OPTIONS['worker']."""
        add = parser.add_argument
        add("--queues", metavar="A,B", help="strict order; 'a:4,b:1' by weight; '*' all queues")
        add("--processes", type=int, metavar="N", help="worker processes (default: CPUs)")
        add("--threads", type=int, metavar="N", help="jobs at a time in threads of each process")
        add(
            "--async",
            type=int,
            dest="concurrency",
            metavar="N",
            help="jobs at a time on an event loop of each process",
        )
        add("--burst", action="store_true", help="leave when there is no work left")
        add("--max-jobs", type=int, metavar="N", help="replace a process after N jobs")
        add("--max-rss", metavar="SIZE", help="replace a process above this memory, as 512M")
        add("--timeout", type=float, metavar="S", help="timeout of tasks that have none")
        add("--drain", type=float, metavar="S", help="seconds running jobs get at a stop")
        add("--affinity", type=int, metavar="N", help="bind each process to N CPUs")
        add("--name", default="", help="how this worker is called in `convoy workers`")
        add("--no-schedules", action="store_true", help="fire no schedules; other workers have to")
        add("--reload", action="store_true", help="start again when source files change")

    def handle(self, runtime: Runtime, options: dict[str, Any], out: Output) -> int:
        """Check, say what is started, and run."""
        plan = make_plan(runtime, options)
        if not hasattr(os, "fork"):
            check_alone(options)
        logs.show(plan.verbosity)
        prepare_database(runtime)
        autodiscover_modules("tasks")
        if plan.schedules:
            declared.synchronise(runtime, check_only=is_rehearsal())
        connections.close_all()
        runtime.shared.close()
        if is_rehearsal():
            return 0
        if not hasattr(os, "fork"):
            out.line("this platform cannot fork: running in one process, with threads")
            if idle := without_effect(runtime):
                out.warn(f"settings without effect in one process: {', '.join(idle)}")
            return run_solo(plan, build_engine)
        out.line(describe(plan))
        return Supervisor(plan, build_engine, reload=options["reload"]).run()


def make_plan(runtime: Runtime, flags: dict[str, Any]) -> Plan:
    """Return the plan of flags before settings. Raises SettingsError, CommandError."""
    names = (
        "processes",
        "threads",
        "concurrency",
        "max_jobs",
        "max_rss",
        "timeout",
        "drain",
        "affinity",
    )
    given = {name: flags[name] for name in names if flags[name] is not None}
    asked = conf.read_options(conf.WorkerOptions, given, "convoy worker")
    settings = runtime.options.worker
    chosen = {name: getattr(asked if name in given else settings, name) for name in names}
    queues = flags["queues"] or ",".join(runtime.declared_queues) or EVERY
    for lane in parse(queues):
        declared = runtime.declared_queues
        if declared and lane.name != EVERY and lane.name not in declared:
            raise CommandError(
                f"queue {lane.name!r} is not declared in TASKS[{runtime.alias!r}]['QUEUES'], so "
                f"no task can put a job there; declared are: {', '.join(declared)}"
            )
        can = runtime.shared.broker.capabilities
        if not declared and lane.name == EVERY and can.shared and not can.browse:
            raise CommandError(
                f"{type(runtime.shared.broker).__name__} cannot say which queues there are: name "
                f"them with --queues, or declare them in TASKS[{runtime.alias!r}]['QUEUES']"
            )
    for name, other in (("threads", "concurrency"), ("concurrency", "threads")):
        if given.get(name) and other not in given:
            chosen[other] = 0  # a flag of one kind comes before a setting of the other
    if chosen["threads"] and chosen["concurrency"]:
        raise CommandError("--threads and --async exclude each other: start two workers")
    if chosen["max_rss"] is not None and not memory.can_measure():
        raise CommandError("--max-rss: this platform does not tell how much memory is used")
    if chosen["affinity"] is not None and not affinity.can_bind():
        raise CommandError("--affinity: this platform does not let a process choose its CPUs")
    cpus = conf.cpus()
    each = chosen.pop("affinity")
    processes = chosen.pop("processes") or len(cpus)
    for flag, count, most in (
        ("--processes", processes, MOST_WORKERS),
        ("--threads", chosen["threads"], SLOTS),
        ("--async", chosen["concurrency"], SLOTS),
    ):
        if count > most:
            raise CommandError(f"{flag} {count}: at most {most}; start further workers for more")
    return Plan(
        backend=runtime.alias,
        name=flags["name"],
        queues=queues,
        processes=processes,
        burst=flags["burst"],
        verbosity=flags["verbosity"],
        lease=runtime.options.lease,
        on_lost_lease=runtime.options.on_lost_lease,
        daemonize_workers=settings.daemonize_workers,
        long_transaction=settings.long_transaction,
        schedules=settings.scheduler and not flags["no_schedules"],
        cpus=affinity.assign(cpus, processes, each) if each is not None else (),
        **chosen,
    )


def check_alone(flags: dict[str, Any]) -> None:
    """Refuse what needs processes of its own, where there are none. Raises CommandError."""
    for name, (flag, instead) in NEED_FORK.items():
        if flags[name]:
            raise CommandError(
                f"{flag}: this platform cannot fork, so all jobs run in one process: {instead}"
            )


def without_effect(runtime: Runtime) -> list[str]:
    """Return the settings that need processes: they are for all hosts, so none is refused."""
    worker = runtime.options.worker
    idle = [name for name in NEED_FORK if getattr(worker, name, None)]
    return idle + ["on_lost_lease"] * (runtime.options.on_lost_lease == "kill")


def describe(plan: Plan) -> str:
    """Return the line that a starting worker shows."""
    kind = ""
    if plan.threads:
        kind = f" with {plan.threads} threads each"
    elif plan.concurrency:
        kind = f" with {plan.concurrency} coroutines each"
    many = "process" if plan.processes == 1 else "processes"
    return (
        f"Convoy {VERSION}: {plan.processes} {many}{kind}, queues {plan.queues}, "
        f"backend {plan.backend}, pid {os.getpid()}"
    )
