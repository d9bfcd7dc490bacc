"""How many jobs to claim at a time, from how long they have been taking."""

CLAIM_SECONDS = 0.05
"""A claim takes what is expected to run in this time."""
DEEP_CLAIM_SECONDS = 0.2
"""Or in this, while there is more than enough for everybody: a statement costs as much as some
of the jobs that it is for."""
QUICK_SECONDS = 0.005
"""A task below this is quick: its outcomes may wait for each other."""
LARGEST_CLAIM = 200
FULL_CLAIMS = 3
"""So many claims in a row that got all they asked for say that there is more than enough."""
_WEIGHT = 0.2


class Pace:
    """Moving averages of run times, per task and over all."""

    def __init__(self) -> None:
        self._tasks: dict[str, float] = {}
        self._recent = CLAIM_SECONDS
        self._allowed = 1
        self._full = 0

    def quick(self, task: str) -> bool:
        """Return whether the task is known to be quick; an unseen one is not."""
        return self._tasks.get(task, 1.0) < QUICK_SECONDS

    def ran(self, task: str, seconds: float) -> None:
        """Note how long a run took."""
        known = self._tasks.get(task)
        # A slow run counts at once; quick ones have to show it a few times.
        if known is None or seconds > known * 4:
            self._tasks[task] = seconds
        else:
            self._tasks[task] = known + _WEIGHT * (seconds - known)
        if seconds > self._recent:
            self._recent += 0.5 * (seconds - self._recent)
        else:
            self._recent += 0.1 * (seconds - self._recent)

    def limit(self) -> int:
        """Return how many jobs the next claim may take; grows step by step."""
        fits = int(self._seconds / max(self._recent, 1e-6))
        self._allowed = max(1, min(self._allowed * 4, fits, LARGEST_CLAIM))
        return self._allowed

    def claimed(self, count: int, limit: int) -> None:
        """Note what a claim came back with."""
        self._full = self._full + 1 if count >= limit > 1 else 0

    @property
    def hold(self) -> float:
        """The most seconds that an outcome waits before it is settled: what was claimed together
        is settled in two halves, or at once, with the next claim, while there is more."""
        return DEEP_CLAIM_SECONDS if self._is_deep else CLAIM_SECONDS / 2

    @property
    def _seconds(self) -> float:
        return DEEP_CLAIM_SECONDS if self._is_deep else CLAIM_SECONDS

    @property
    def _is_deep(self) -> bool:
        return self._full >= FULL_CLAIMS
