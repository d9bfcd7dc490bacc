"""What runs the jobs of a pool: threads, or coroutines on one event loop."""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from asgiref.sync import ThreadSensitiveContext, async_to_sync

from django_convoy.core.execution import Run
from django_convoy.worker.delivery import deliver_async
from django_convoy.worker.desk import Desk, Paper
from django_convoy.worker.timeouts import ThreadTimeouts

logger = logging.getLogger("django_convoy.worker")
SYNC_THREADS = 16
"""The most threads that plain functions get beside an event loop: each has connections."""


class Pool(Protocol):
    """What runners need of the loop that feeds them."""

    desk: Desk
    stopping: bool

    def take(self, *, block: bool) -> Paper | None:
        """Return the next job."""

    def done(self) -> None:
        """Say that a job is in the ledger."""


class Runners(Protocol):
    """Takes jobs from the pool and runs them."""

    capacity: int

    def start(self) -> None:
        """Begin."""

    def wake(self) -> None:
        """There are jobs to take."""

    def stop(self) -> None:
        """Nothing runs any more."""


class Threads:
    """Each thread takes one job after the other."""

    def __init__(self, capacity: int, pool: Pool) -> None:
        self.capacity = capacity
        self._pool = pool
        self._guard = ThreadTimeouts()

    def start(self) -> None:
        """Start the threads."""
        for number in range(self.capacity):
            threading.Thread(target=self._run, name=f"runner-{number}", daemon=True).start()

    def wake(self) -> None:
        """Threads wait for jobs by themselves."""

    def stop(self) -> None:
        """Threads end by themselves."""

    def _run(self) -> None:
        desk = self._pool.desk
        while (paper := self._pool.take(block=True)) is not None:
            try:
                if desk.take(paper) and (run := desk.open(paper)) is not None:
                    self._deliver(paper, run)
            except BaseException as error:
                logger.exception("job %s: its runner failed", paper.lease.id)
                desk.abandon(paper, error)
            finally:
                self._pool.done()

    def _deliver(self, paper: Paper, run: Run) -> None:
        desk = self._pool.desk
        if not run.task.is_async:
            desk.run(paper, run, self._guard)
            return
        # By the loop's own timeout: one that is raised in a thread waits while its loop sleeps.
        began = desk.begin(paper, run)
        delivered = async_to_sync(deliver_async)(desk.engine, run, desk.ledger.give_up)
        desk.finish(paper, run, delivered, began)


class EventLoop:
    """Coroutines on one loop, in a thread of its own; plain functions in a few threads."""

    def __init__(self, capacity: int, pool: Pool) -> None:
        self.capacity = capacity
        self._pool = pool
        self._guard = ThreadTimeouts()
        self._loop = asyncio.new_event_loop()
        self._executor = ThreadPoolExecutor(min(capacity, SYNC_THREADS), "runner")
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start the loop."""
        self._loop.set_default_executor(self._executor)
        threading.Thread(target=self._turn, name="event-loop", daemon=True).start()

    def _turn(self) -> None:
        try:
            self._loop.run_forever()
        except BaseException as error:  # a task closed what it waits on: no coroutine would go on
            self._pool.desk.leave(f"the event loop failed with {error!r}")

    def wake(self) -> None:
        """Take jobs."""
        self._loop.call_soon_threadsafe(self._take)

    def stop(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _take(self) -> None:
        while len(self._tasks) < self.capacity:
            paper = self._pool.take(block=False)
            if paper is None:
                return
            task = self._loop.create_task(self._run(paper))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._take()

    async def _run(self, paper: Paper) -> None:
        desk = self._pool.desk
        try:
            # Each job has its own thread for what must not be shared between threads.
            async with ThreadSensitiveContext():
                if not desk.take(paper):
                    return
                if desk.asks(paper):
                    run = await self._loop.run_in_executor(None, desk.open, paper)
                else:
                    run = desk.open(paper)
                if run is None:
                    return
                if run.task.is_async:
                    began = desk.begin(paper, run)
                    delivered = await deliver_async(desk.engine, run, desk.ledger.give_up)
                    desk.finish(paper, run, delivered, began)
                else:
                    await self._loop.run_in_executor(None, self._sync, paper, run)
        except BaseException as error:
            logger.exception("job %s: its runner failed", paper.lease.id)
            desk.abandon(paper, error)
        finally:
            self._pool.done()

    def _sync(self, paper: Paper, run: Run) -> None:
        self._pool.desk.run(paper, run, self._guard)
