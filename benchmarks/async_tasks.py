"""The same tasks for systems whose jobs are coroutines."""

from __future__ import annotations

import jobs
from systems import current

system = current()
app = system.app
task = system.decorator()


@task
async def noop() -> None:
    jobs.noop()


@task
async def cpu() -> None:
    jobs.cpu()


@task
async def io() -> None:
    await jobs.io_async()


@task
async def latency(index: int, before_enqueue: int) -> None:
    jobs.latency(index, before_enqueue)
