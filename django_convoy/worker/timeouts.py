"""Soft timeouts: TimeoutExceeded raised in the body, and only there."""

import contextlib
import ctypes
import heapq
import itertools
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

from django_convoy.domain.errors import TimeoutExceeded
from django_convoy.domain.options import JobOptions


class AlarmTimeouts:
    """For one job at a time in the main thread: SIGALRM."""

    def __init__(self) -> None:
        self._armed = False
        self._seconds = 0.0

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if self._armed:
            self._armed = False
            raise TimeoutExceeded(f"ran longer than its timeout of {self._seconds:g} s")

    @contextlib.contextmanager
    def __call__(self, options: JobOptions) -> Iterator[None]:
        """Arm around a body."""
        assert options.timeout is not None  # noqa: S101 - the caller asks first
        self._seconds = options.timeout
        signal.signal(signal.SIGALRM, self._ring)  # each time: a task may have put in its own
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, options.timeout)
        try:
            yield
        finally:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)


class ThreadTimeouts:
    """For jobs in threads: an exception set from a watching thread. It arrives when the body
    next runs Python code; what never does is ended by its hard timeout."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, int]] = []
        self._armed: dict[int, int] = {}
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def __call__(self, options: JobOptions) -> Iterator[None]:
        """Arm around a body."""
        assert options.timeout is not None  # noqa: S101 - the caller asks first
        thread = threading.get_ident()
        number = next(self._numbers)
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True)
                self._thread.start()
            self._armed[number] = thread
            heapq.heappush(self._heap, (time.monotonic() + options.timeout, number, thread))
            self._changed.notify()
        try:
            try:
                yield
            finally:
                with self._changed:
                    if self._armed.pop(number, None) is None:
                        _set_exception(thread, None)  # sent, but it must not arrive any later
        except TimeoutExceeded:
            raise TimeoutExceeded(f"ran longer than its timeout of {options.timeout:g} s") from None

    def _watch(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                while self._heap and self._heap[0][0] <= now:
                    _, number, thread = heapq.heappop(self._heap)
                    if self._armed.pop(number, None) is not None:
                        _set_exception(thread, TimeoutExceeded)
                self._changed.wait(self._heap[0][0] - now if self._heap else None)


def _set_exception(thread: int, kind: type[BaseException] | None) -> None:
    """Raise an exception in another thread; None: take back one that has not arrived."""
    raised = None if kind is None else ctypes.py_object(kind)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)
