"""Redis with `delivery="at_most_once"`: a claim forgets what it takes, so nothing is to be settled.

The keys are those of the other delivery: a site may change it while jobs wait.
"""

from collections.abc import Sequence
from datetime import datetime

from django_convoy.brokers.redis import RedisBroker, Settlement, goes, note_of
from django_convoy.brokers.redis_claiming import GIVE_BACK
from django_convoy.brokers.redis_jobs import member, write_body
from django_convoy.clients.redis_link import Value
from django_convoy.contracts.store import Store
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import Lease
from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import Again, Bury


class RedisOnceBroker(RedisBroker):
    """Whoever claimed a job has the only copy of it. What was not begun can be given back."""

    capabilities = Capabilities(leases=False, fencing=False)
    forgets = True

    def leasing(self) -> RedisBroker:
        """Return one that leases: the keys are the same."""
        return RedisBroker(**self._options)

    def renew(self, leases: Sequence[Lease], *, lease: float) -> list[Renewal]:
        """There is nothing that could lapse."""
        return [Renewal.HELD] * len(leases)

    def records_for(self, store: Store) -> bool:
        """Return False: nothing is settled, so nothing can be recorded with it."""
        return False

    def settle_and_record(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Put back what is to be run, or set aside; what is done is gone already. False: this
        claim has given that job back before."""
        back = [
            (place, lease, verdict)
            for place, (lease, verdict, _) in enumerate(settlements)
            if isinstance(verdict, Again | Bury)
        ]
        given: list[list[Value]] = [
            [member(lease), goes(verdict), note_of(lease, verdict), write_body(lease.envelope)]
            for _, lease, verdict in back
        ]
        leases = [lease for _, lease, _ in back]
        answers = [True] * len(settlements)
        for (place, _, _), first in zip(
            back, self._each(GIVE_BACK, leases, [], given), strict=True
        ):
            answers[place] = first
        self._tell({lease.envelope.queue for lease in leases})
        return answers

    def mark_started(self, leases: Sequence[tuple[Lease, datetime]]) -> None:
        """Nobody sees a job that is forgotten."""
