"""What came of a move."""

from dataclasses import dataclass, field

from django_convoy.contracts.broker import Broker, Browsable, Counts


@dataclass(slots=True)
class Moved:
    """What came of it. left: why jobs stayed, and which; unseen: why others stayed, and how many;
    forgotten: what the target cannot keep of jobs, and of how many. held: jobs that workers of the
    source have."""

    count: int = 0
    held: int = 0
    left: dict[str, set[str]] = field(default_factory=dict)
    unseen: dict[str, int] = field(default_factory=dict)
    forgotten: dict[str, int] = field(default_factory=dict)

    def reasons(self) -> dict[str, int]:
        """Return why jobs stayed, and how many."""
        return {**{why: len(jobs) for why, jobs in self.left.items()}, **self.unseen}

    def count_unseen(self, source: Broker, counts: Counts, told: int) -> None:
        """Count what is left in a source that cannot be listed. told: jobs that stay there for a
        reason that is known."""
        if isinstance(source, Browsable):
            return
        kind = type(source).__name__
        if source.capabilities.inventory:
            waiting, what = counts.delayed + counts.ready, "delayed"
        else:
            waiting, what = counts.ready, "delayed or held"
        stay = {
            f"{what}, and {kind} hands out none before its time: run it again then": waiting - told,
            f"set aside, and {kind} cannot list them": counts.buried,
        }
        for why, count in stay.items():
            if count > 0:
                self.unseen[why] = self.unseen.get(why, 0) + count
