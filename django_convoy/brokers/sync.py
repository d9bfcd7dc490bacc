"""No broker at all: jobs run where they are enqueued, before `enqueue()` returns."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from django_convoy.brokers.nowhere import Nowhere
from django_convoy.contracts.broker import Immediate
from django_convoy.db.session import Session
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import Envelope, Lease
from django_convoy.domain.errors import ConfigurationError
from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import Verdict

T = TypeVar("T")


class SyncBroker(Nowhere, Immediate):
    """Never has a job. What a job does is part of the transaction that enqueues it.

    alias: the database in which an `atomic` job has its transaction.
    """

    capabilities = Capabilities(
        max_delay=timedelta(0), transactional="default", browse=False, unique=False, shared=False
    )

    def __init__(self, alias: str = "default") -> None:
        self._session = Session(alias)
        self.capabilities = replace(self.capabilities, transactional=alias)

    def push(self, envelopes: Iterable[Envelope]) -> None:
        """Refuse: a job that is not run here would be lost."""
        if list(envelopes):
            raise ConfigurationError(
                "the broker 'sync' keeps no jobs: they run where they are enqueued. Enqueue its "
                "task again"
            )

    def renew(self, leases: Sequence[Lease], *, lease: float) -> list[Renewal]:
        """Nobody else can have them."""
        return [Renewal.HELD] * len(leases)

    def settle(self, settlements: Sequence[tuple[Lease, Verdict]]) -> list[bool]:
        """Whoever runs the job knows what to do next."""
        return [True] * len(settlements)

    def together(self, work: Callable[[], T]) -> T:
        """Call `work` in one transaction."""
        return self._session.together(work)
