"""Which CPUs each worker process is bound to."""

import logging
import os
from collections.abc import Sequence

logger = logging.getLogger("django_convoy.worker")


def can_bind() -> bool:
    """Return whether this platform lets a process choose its CPUs (macOS does not)."""
    return hasattr(os, "sched_setaffinity")


def assign(cpus: Sequence[int], workers: int, each: int) -> tuple[tuple[int, ...], ...]:
    """Return the CPUs of each worker: `each` of them, dealt round and round.

    4 CPUs, 4 workers, 1 each: [0] [1] [2] [3]; 8 CPUs, 3 each: [0,1,2] [3,4,5] [6,7,0] ...
    Out of range means all CPUs, with a warning.
    """
    if not 0 < each <= len(cpus):
        logger.warning(
            "affinity %d is out of range: this process may use %d CPUs; workers use all of them",
            each,
            len(cpus),
        )
        return tuple(tuple(cpus) for _ in range(workers))
    count = len(cpus)
    return tuple(
        tuple(cpus[(worker * each + one) % count] for one in range(each))
        for worker in range(workers)
    )


def bind(cpus: Sequence[int]) -> None:
    """Bind this process, where the platform can."""
    if cpus and can_bind():
        os.sched_setaffinity(0, set(cpus))
