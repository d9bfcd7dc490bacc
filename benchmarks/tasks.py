"""The tasks of a project or application: the same functions for each system."""

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
def io() -> None:
    jobs.io()


@task
def latency(index: int, before_enqueue: int) -> None:
    jobs.latency(index, before_enqueue)


if system.has_atomic:

    @system.decorator(atomic=True)
    def update() -> None:
        system.update_one_row()
        jobs.noop()
