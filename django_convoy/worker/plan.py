"""What a worker was told to do: flags and settings, worked out once."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run of `manage.py convoy worker`.

    Durations are seconds. queues: as `--queues` takes them. cpus: those of each worker, by
    its index; empty for any. bells: the folder in which idle workers are woken, if any.
    schedules: whether this tree fires schedules.
    """

    backend: str = "default"
    name: str = ""
    queues: str = "*"
    processes: int = 1
    threads: int = 0
    concurrency: int = 0
    burst: bool = False
    verbosity: int = 1
    max_jobs: int | None = None
    max_rss: int | None = None
    timeout: float | None = None
    drain: float = 30.0
    long_transaction: float | None = 60.0
    lease: float = 15.0
    on_lost_lease: str = "finish"
    daemonize_workers: bool = True
    cpus: tuple[tuple[int, ...], ...] = ()
    bells: str = ""
    schedules: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return a plain dict."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Plan":
        """Return the plan."""
        cpus = tuple(tuple(one) for one in data.pop("cpus"))
        return cls(cpus=cpus, **data)
