"""The tasks of a Django project or huey application: the same three functions for each system."""

from __future__ import annotations

import jobs
from systems import current

system = current()
app = system.app
task = system.decorator()


@task
def noop() -> None:
    jobs.noop()


@task
def cpu() -> None:
    jobs.cpu()


@task
def latency(index: int, before_enqueue: int) -> None:
    jobs.latency(index, before_enqueue)
