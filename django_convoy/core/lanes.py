"""In which order a worker looks at its queues."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django_convoy.domain.errors import ConfigurationError

EVERY = "*"


@dataclass(frozen=True, slots=True)
class Lane:
    """One entry of `--queues`. weight: 0 without one: strict order."""

    name: str
    weight: int = 0


def parse(text: str) -> list[Lane]:
    """Read "high,low" (strict order), "a:4,b:1" (weights) or "*" (every queue).

    Raises ConfigurationError that says what is allowed.
    """
    lanes: list[Lane] = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, colon, weight = part.partition(":")
        if colon and not (weight.isdigit() and int(weight) > 0):
            raise ConfigurationError(
                f"queue {part!r}: the weight must be a whole number above 0, as in mail:4"
            )
        if name in (lane.name for lane in lanes):
            raise ConfigurationError(f"queue {name!r} is named twice in {text!r}")
        lanes.append(Lane(name, int(weight) if colon else 0))
    if not lanes:
        raise ConfigurationError("name at least one queue, or '*' for all")
    if 0 < sum(bool(lane.weight) for lane in lanes) < len(lanes):
        raise ConfigurationError(f"{text!r}: give every queue a weight, or none")
    return lanes


class Lanes:
    """Gives the order for the next claim: strict, or drawn by weight each time."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        full_name: Callable[[str], str],
        with_work: Callable[[], Sequence[str]],
    ) -> None:
        self._lanes = lanes
        self._full_name = full_name
        self._with_work = with_work

    def __iter__(self) -> Iterator[str]:
        """Yield full names of queues, the first to look at first.

        Worked out anew each time: a claim that waits looks at queues that were not there when
        it began to.
        """
        return iter(self._order())

    @property
    def space(self) -> str | None:
        """The namespace of which all queues are looked at; None: only those that are named are."""
        if all(lane.name != EVERY for lane in self._lanes):
            return None
        return self._full_name("").rpartition(":")[0]

    def serve(self, full_name: str) -> bool:
        """Return whether jobs of a queue are taken."""
        space = self._full_name("")
        for lane in self._lanes:
            if lane.name == EVERY:
                if full_name.startswith(space) and (space or ":" not in full_name):
                    return True
            elif self._full_name(lane.name) == full_name:
                return True
        return False

    def _order(self) -> list[str]:
        if len(self._lanes) == 1 and self._lanes[0].name != EVERY:
            return [self._full_name(self._lanes[0].name)]
        lanes = list(self._lanes)
        if lanes[0].weight:
            # Efraimidis and Spirakis, 2006: sorting by u ** (1 / weight) draws by weight.
            lanes.sort(key=lambda lane: -(random.random() ** (1 / lane.weight)))  # noqa: S311
        names: list[str] = []
        for lane in lanes:
            if lane.name != EVERY:
                names.append(self._full_name(lane.name))
                continue
            others = [name for name in self._with_work() if name not in names]
            random.shuffle(others)
            names += others
        return names
