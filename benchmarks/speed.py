"""How fast this machine is today, so that figures of different days can be told apart."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

JOB = {"id": 123456, "task": "tasks.noop", "args": [1, "two"], "kwargs": {}, "queue": "default"}


def per_second(call: Callable[[], object], seconds: float = 0.5) -> float:
    n, start = 0, time.monotonic()
    while (passed := time.monotonic() - start) < seconds:
        for _ in range(100):
            call()
        n += 100
    return n / passed


def main() -> None:
    file = Path(sys.argv[1]) / "speed"
    descriptor = os.open(file, os.O_CREAT | os.O_RDWR, 0o600)

    def write() -> None:
        os.pwrite(descriptor, b"x" * 8192, 0)
        os.fdatasync(descriptor)

    print(f"{per_second(lambda: json.loads(json.dumps(JOB))):,.0f} JSON round trips/s,", end=" ")
    print(f"{per_second(write):,.0f} fdatasync/s")
    file.unlink()


if __name__ == "__main__":
    main()
