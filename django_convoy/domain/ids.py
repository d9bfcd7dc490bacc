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


_sequence = _Sequence()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_sequence.begin)


def job_ids(count: int) -> list[str]:
    """Return `count` new ids, each 32 hexadecimal digits, strictly increasing in this process.

    They are the `series` of the first.
    """
    with _sequence.lock:
        millisecond = time.time_ns() // 1_000_000
        forked = _sequence.pid != os.getpid()
        if forked or millisecond > _sequence.millisecond:
            second = millisecond >> 10
            if forked or second != _sequence.millisecond >> 10:
                # The top bit stays free, so that there is room for 2**41 steps.
                _sequence.tail = secrets.randbits(73)
            _sequence.pid = os.getpid()
            _sequence.millisecond = millisecond
        if (_sequence.tail + _STEP * count) >> _TAIL_BITS:
            _sequence.millisecond += 1
            _sequence.tail = secrets.randbits(73)
        millisecond, tail = _sequence.millisecond, _sequence.tail
        _sequence.tail = tail + _STEP * count
    return _written(millisecond, tail + _STEP, count)


def series(first: str, count: int) -> list[str]:
    """Return the ids of one call of `job_ids` again, from the first of them."""
    value = int(first, 16)
    tail = (value >> 64 & 0xFFF) << 62 | value & _LOW
    return _written(value >> 80, tail, count)


def _written(millisecond: int, tail: int, count: int) -> list[str]:
    made = []
    head = millisecond << 80 | _VERSION
    for one in range(tail, tail + _STEP * count, _STEP):
        made.append(f"{head | one >> 62 << 64 | _VARIANT | one & _LOW:032x}")
    return made


def job_id() -> str:
    """Return one new id."""
    return job_ids(1)[0]


def token() -> str:
    """Return an unguessable name: of a claim, or of one boot of a worker."""
    return secrets.token_hex(8)


def worker_name(boot: str) -> str:
    """Return what a worker process is called: its host, and the random id of its boot."""
    return f"{platform.node()}.{boot}"[:100]
