"""`convoy queues`: what is in each queue."""

from typing import Any

from django.core.management.base import CommandParser

from django_convoy.insight.queues import queues
from django_convoy.management.output import Output
from django_convoy.management.subcommands.status import queue_data, show_queues
from django_convoy.runtime import Runtime


class Command:
    """Shows the queues that have jobs or are declared in QUEUES."""

    help = "how many jobs are in each queue, and how long the oldest waits"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add nothing."""

    def handle(self, runtime: Runtime, options: dict[str, Any], out: Output) -> None:
        """Show them."""
        there = queues(runtime, tuple(runtime.declared_queues))
        out.data([queue_data(one) for one in there])
        show_queues(there, out)
