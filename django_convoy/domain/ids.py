"""Time-ordered identifiers: UUID version 7 (RFC 9562) with a counter inside a millisecond."""

import os
import platform
import secrets
import threading
import time

_VERSION = 0x7 << 76
_VARIANT = 0x2 << 62
_LOW = (1 << 62) - 1
_TAIL_BITS = 74
_STEP = 1 << 32 | 1


class _Sequence:
    """The last id given out in this process, so that the next one is larger."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget all. A fork may have copied the lock while another thread held it."""
        self.lock = threading.Lock()
        self.pid = 0
        self.millisecond = 0
        self.tail = 0

    def take(self, count: int) -> tuple[int, int]:
        """Return the millisecond and the tail of the first of `count` new ids."""
        with self.lock:
            millisecond, pid = time.time_ns() // 1_000_000, os.getpid()
            forked = self.pid != pid
            if forked or millisecond > self.millisecond:
                second = millisecond >> 10
                if forked or second != self.millisecond >> 10:
                    # The top bit stays free, so that there is room for 2**41 steps.
                    self.tail = secrets.randbits(73)
                self.pid = pid
                self.millisecond = millisecond
            if (self.tail + _STEP * count) >> _TAIL_BITS:
                self.millisecond += 1
                self.tail = secrets.randbits(73)
            first = self.tail + _STEP
            self.tail += _STEP * count
            return self.millisecond, first


_sequence = _Sequence()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_sequence.begin)


def job_ids(count: int) -> list[str]:
    """Return `count` new ids, each 32 hexadecimal digits, strictly increasing in this process.

    They are the `series` of the first.
    """
    return _written(*_sequence.take(count), count)


def series(first: str, count: int) -> list[str]:
    """Return the ids of one call of `job_ids` again, from the first of them."""
    value = int(first, 16)
    tail = (value >> 64 & 0xFFF) << 62 | value & _LOW
    return _written(value >> 80, tail, count)


def _written(millisecond: int, tail: int, count: int) -> list[str]:
    head = millisecond << 80 | _VERSION
    return [_write(head, one) for one in range(tail, tail + _STEP * count, _STEP)]


def _write(head: int, tail: int) -> str:
    return f"{head | tail >> 62 << 64 | _VARIANT | tail & _LOW:032x}"


def job_id() -> str:
    """Return one new id, as `job_ids` would."""
    millisecond, tail = _sequence.take(1)
    return _write(millisecond << 80 | _VERSION, tail)


def token() -> str:
    """Return an unguessable name: of a claim, or of one boot of a worker."""
    return secrets.token_hex(8)


def worker_name(boot: str) -> str:
    """Return what a worker process is called: its host, and the random id of its boot."""
    return f"{platform.node()}.{boot}"[:100]
