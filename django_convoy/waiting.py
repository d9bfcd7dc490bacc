"""Waiting for a job's end: a thread that waits, or coroutines for which one thread looks."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connections

from django_convoy.contracts.store import Store
from django_convoy.domain.errors import ConfigurationError, ResultTimeout
from django_convoy.runtime import Runtime
from django_convoy.stores.none import NoStore

WAIT_AT_ONCE = 60.0
FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.5


def wait(runtime: Runtime, job_id: str, timeout: float | None) -> None:
    """Return when the job is over. Raises ResultTimeout, ConfigurationError."""
    store = _store(runtime)
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = WAIT_AT_ONCE if deadline is None else deadline - time.monotonic()
        if store.wait(job_id, max(0.0, min(left, WAIT_AT_ONCE))) is not None:
            return
        if left <= 0:
            raise _too_late(job_id, timeout)


async def wait_async(
    runtime: Runtime, job_id: str, timeout: float | None, then: Callable[[], object]
) -> None:
    """Like `wait`, and holds up neither the event loop nor a thread; can be cancelled at once.

    then: called when the job is over, where its database may be asked.
    """
    store = _store(runtime)
    deadline = None if timeout is None else time.monotonic() + timeout
    loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
    with _lookout.thread() as looks:
        while True:
            # Measured before the look, so that the last one is made after the time is over.
            left = LONGEST_PAUSE if deadline is None else deadline - time.monotonic()
            if await loop.run_in_executor(looks, store.get, job_id) is not None:
                await loop.run_in_executor(looks, then)
                return
            if left <= 0:
                raise _too_late(job_id, timeout)
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_PAUSE)


class _Lookout:
    """The thread that looks for all coroutines of this process. There while any of them waits,
    with a database connection of its own, which is closed behind the last."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget all. A fork copies neither the thread nor those who wait."""
        self._lock = threading.Lock()
        self._waiting = 0
        self._looks: ThreadPoolExecutor | None = None

    @contextmanager
    def thread(self) -> Iterator[ThreadPoolExecutor]:
        """Lend the thread."""
        with self._lock:
            self._waiting += 1
            looks = self._looks = self._looks or ThreadPoolExecutor(1, "convoy-results")
        try:
            yield looks
        finally:
            with self._lock:
                self._waiting -= 1
                if not self._waiting:
                    self._looks = None
                    looks.submit(connections.close_all)
                    looks.shutdown(wait=False)


_lookout = _Lookout()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_lookout.begin)


def _store(runtime: Runtime) -> Store:
    store = runtime.shared.store
    if isinstance(store, NoStore):
        raise ConfigurationError(
            f"TASKS[{runtime.alias!r}] keeps no results (store: none), so there is nothing to "
            "wait for"
        )
    return store


def _too_late(job_id: str, timeout: float | None) -> ResultTimeout:
    return ResultTimeout(f"job {job_id} did not finish within {timeout} s")
