"""What brokers have in common that have no jobs to deliver."""

from collections.abc import Callable, Iterable, Sequence

from django_convoy.contracts.broker import Broker, Counts
from django_convoy.domain.envelope import Lease
from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import Verdict


class Nowhere(Broker):
    """Every queue is empty, and nobody holds anything."""

    def claim(
        self,
        queues: Iterable[str],
        *,
        limit: int,
        lease: float,
        worker: str,
        wait: float = 0,
        may_suspect: Callable[[], bool] = lambda: True,
    ) -> list[Lease]:
        """Return nothing."""
        return []

    def renew(self, leases: Sequence[Lease], *, lease: float) -> list[Renewal]:
        """Nobody has any."""
        return [Renewal.LOST] * len(leases)

    def settle(self, settlements: Sequence[tuple[Lease, Verdict]]) -> list[bool]:
        """Nobody has any."""
        return [False] * len(settlements)

    def counts(self, queue: str) -> Counts:
        """Return zeros."""
        return Counts()

    def purge(self, queue: str) -> int:
        """Return 0."""
        return 0
