"""What `enqueue_many` returns: the ids of many jobs, with their results on demand."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django_convoy.domain.ids import series


class Batch(Sequence[str]):
    """The ids of jobs enqueued together; a few bytes per thousand of them.

    read: returns a result by its job's id.
    """

    def __init__(self, read: Callable[[str], Any]) -> None:
        self._read = read
        self._series: list[tuple[str, int]] = []
        self._starts = [0]

    def add(self, first: str, count: int) -> None:
        """Add the ids that one call of `job_ids` made."""
        self._series.append((first, count))
        self._starts.append(self._starts[-1] + count)

    def join(self, other: Any) -> None:
        """Add all ids of another batch."""
        for first, count in other._series:
            self.add(first, count)

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[str]:
        for first, count in self._series:
            yield from series(first, count)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        found = bisect_right(self._starts, place) - 1
        return series(self._series[found][0], place - self._starts[found] + 1)[-1]

    def __repr__(self) -> str:
        return f"<Batch of {len(self)} jobs>"

    def results(self) -> Iterator[Any]:
        """Return the result of each job, read one by one."""
        return map(self._read, self)


class EagerBatch(Batch):
    """Jobs whose results are at hand, as a double or another backend gives them."""

    def __init__(self, made: Iterable[Any]) -> None:
        self._made = list(made)

    def join(self, other: Any) -> None:
        """Add another batch, with its results."""
        self._made += other.results()

    def __len__(self) -> int:
        return len(self._made)

    def __iter__(self) -> Iterator[str]:
        return (result.id for result in self._made)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [result.id for result in self._made[index]]
        return self._made[index].id

    def results(self) -> Iterator[Any]:
        """Return the results, in order."""
        return iter(self._made)
