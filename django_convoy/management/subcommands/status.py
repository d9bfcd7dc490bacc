"""`convoy status`: queues, workers and failures at a glance."""

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from django_convoy.domain import clock
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.insight import history
from django_convoy.insight.ages import in_words
from django_convoy.insight.queues import Queue, queues
from django_convoy.insight.workers import Worker, workers
from django_convoy.management.output import Output
from django_convoy.runtime import Runtime


class Command:
    """Shows how the alias stands; exits with 0 whatever it finds."""

    help = "queues, workers and failures at a glance"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add nothing."""

    def handle(self, runtime: Runtime, options: dict[str, Any], out: Output) -> None:
        """Show all parts."""
        there, trouble = _queues(runtime)
        running = workers(runtime)
        rate = history.rate(runtime)
        failures = history.failures(runtime)
        out.data(
            {
                "backend": runtime.alias,
                "queues": [queue_data(one) for one in there],
                "unreachable": trouble,
                "workers": [worker_data(one) for one in running],
                "rate": None if rate is None else asdict(rate),
                "failures": failures,
            }
        )
        out.title(f"Backend {runtime.alias!r}")
        if trouble:
            out.line(out.style.WARNING(f"The broker cannot be reached: {trouble}"))
        else:
            show_queues(there, out)
        out.line()
        show_workers(running, out)
        out.line()
        if rate is None or failures is None:
            out.line("Finished jobs are not kept in a database, so there are no rates.")
            return
        ended = ", ".join(
            f"{count} {name.lower()}" for name, count in sorted(rate.by_status.items())
        )
        out.line(
            f"Last {rate.minutes:g} minutes: {ended or 'no job ended'} "
            f"({rate.per_minute:.1f} per minute)."
        )
        advice = " See `convoy jobs --status FAILED`, `convoy retry --failed`." if failures else ""
        out.line(f"Failed and quarantined jobs in history: {failures}.{advice}")


def _queues(runtime: Runtime) -> tuple[list[Queue], str]:
    """Return the queues, and why they are not known where they are not."""
    try:
        return queues(runtime, tuple(runtime.declared_queues)), ""
    except BrokerUnavailable as error:
        return [], str(error)


def queue_data(queue: Queue) -> dict[str, Any]:
    """Return a queue for JSON."""
    return {"name": queue.name, **asdict(queue.counts), "oldest_waiting": queue.waiting}


def show_queues(there: list[Queue], out: Output) -> None:
    """Write a table, or that there is nothing."""
    if not there:
        out.line("No queue has jobs.")
        return
    out.table(
        ("Queue", "Ready", "Delayed", "Running", "Buried", "Oldest waits"),
        (
            (
                one.name,
                one.counts.ready,
                one.counts.delayed,
                one.counts.leased,
                one.counts.buried,
                in_words(one.waiting),
            )
            for one in there
        ),
    )


def worker_data(worker: Worker) -> dict[str, Any]:
    """Return a worker for JSON."""
    cut_off = worker.cut_off
    told = None if cut_off is None else {"since": cut_off[0], "why": cut_off[1]}
    return {**asdict(worker), "silent": worker.silent, "cut_off": told}


def show_workers(running: list[Worker], out: Output) -> None:
    """Write a table, or that there is none."""
    if not running:
        out.line("No worker has reported. Start one: `manage.py convoy worker`.")
        return
    out.table(
        ("Worker", "Host", "Pid", "Queues", "Processes", "Running", "State", "Reported"),
        (
            (
                one.name,
                one.host,
                str(one.pid),
                one.queues,
                len(one.processes),
                one.running,
                f"silent (was {one.state})" if one.silent else _state(one),
                f"{in_words(one.age)} ago",
            )
            for one in running
        ),
    )
    now = clock.now()
    for one in running:
        if (cut_off := one.cut_off) is not None and not one.silent:
            since, why = cut_off
            told = (
                f"{one.name} on {one.host} is cut off from its broker since "
                f"{timezone.localtime(since):%H:%M:%S} ({in_words(now - since)}): {why}"
            )
            out.line(out.style.WARNING(told))


def _state(worker: Worker) -> str:
    if worker.cut_off is not None:
        return f"{worker.state}, cut off"
    told = worker.command and not worker.silent and worker.state != "stopping"
    return f"{worker.state}, told to {worker.command}" if told else worker.state
