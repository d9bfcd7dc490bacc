"""What a long run under damage proves: judged from what the jobs wrote down themselves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

LIVE_BYTES, PASSED_BYTES = 410, 710
"""What a waiting job takes, and one that passed since the last vacuum, with their indexes."""
NAP_SECONDS, NAPS = 60, 3
"""Between two looks of autovacuum at a database, as PostgreSQL comes; how many may be missed."""


Kills = Mapping[int, Sequence[tuple[float, float]]]
"""When processes were killed, just before the signal and just after it: several had one number."""


@dataclass
class Stint:
    """One run of one job. ended: None if its process was gone before it could say so."""

    attempt: str
    last_end: str
    pid: int
    began: float
    ended: float | None = None


@dataclass
class Stints:
    """All runs of all jobs, by their numbers; times are of one clock for all processes."""

    by_number: dict[int, list[Stint]] = field(default_factory=dict)

    @classmethod
    def read(cls, began: Iterable[Sequence[str]], ended: Iterable[Sequence[str]]) -> "Stints":
        """From lines of the journal: number, attempt, last end, process, time; the same of ends
        without the last end."""
        stints = cls()
        ends = {(number, attempt, pid): float(time) for number, attempt, pid, time in ended}
        for number, attempt, last_end, pid, time in began:
            end = ends.get((number, attempt, pid))
            one = Stint(attempt, last_end, int(pid), float(time), end)
            stints.by_number.setdefault(int(number), []).append(one)
        return stints

    def again(self) -> int:
        """How many runs were not the first of their job."""
        return sum(len(runs) - 1 for runs in self.by_number.values())

    def wrong(self, promised: Iterable[int], killed: Kills) -> list[str]:
        """What was lost, and what ran twice though it was alive.

        promised: numbers whose enqueue was answered.
        """
        lost = [number for number in promised if number not in self.by_number]
        found = [f"never run: {len(lost)} jobs, such as {lost[:5]}"] if lost else []
        for number, runs in self.by_number.items():
            found += [f"job {number}: {why}: {runs}" for why in _wrong_with(runs, killed)]
        return found


def _killed_at(run: Stint, killed: Kills) -> float | None:
    """When the process of a run that said no end was killed: it is the first with its number that
    died since."""
    times = [before for before, after in killed.get(run.pid, ()) if after >= run.began]
    return min(times, default=None)


def _wrong_with(runs: list[Stint], killed: Kills) -> Iterable[str]:
    if len({run.attempt for run in runs}) < len(runs):
        yield "an attempt ran twice"
    runs.sort(key=lambda run: run.began)
    for before, after in pairwise(runs):
        over = _killed_at(before, killed) if before.ended is None else before.ended
        if over is None:
            yield "it ran again, and nobody had killed it"
        elif over > after.began:
            yield "it ran twice at once"
        if after.last_end == "-":
            yield "it ran again, and does not say why"


def size_allowed(live: int, rate: float) -> int:
    """Bytes that the table of live jobs may take, indexes included: ten times what waits, and
    what passes, at so many jobs a second, while vacuum naps and a restart makes it begin anew."""
    return round(10 * live * LIVE_BYTES + NAPS * NAP_SECONDS * rate * PASSED_BYTES)
