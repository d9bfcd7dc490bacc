"""Redis with `delivery="at_most_once"`: a claim forgets what it takes, so nothing is to be settled.

The keys are those of the other delivery: a site may change it while jobs wait.
"""

from collections.abc import Sequence
from datetime import datetime

from django_convoy.brokers.redis import RedisBroker, Settlement, goes, note_of
from django_convoy.brokers.redis_claiming import PUT
from django_convoy.brokers.redis_jobs import write_body
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

    def renew(self, leases: Sequence[Lease], *, lease: float) -> list[Renewal]:
        """There is nothing that could lapse."""
        return [Renewal.HELD] * len(leases)

    def records_for(self, store: Store) -> bool:
        """Return False: nothing is settled, so nothing can be recorded with it."""
        return False

    def settle_and_record(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Put back what is to be run, or set aside; what is done is gone already."""
        queues: dict[str, list[Value]] = {}
        for lease, verdict, _ in settlements:
            if isinstance(verdict, Again | Bury):
                queue = lease.envelope.queue
                args = queues.setdefault(queue, [queue])
                args += (lease.id, goes(verdict), note_of(lease, verdict))
                args.append(write_body(lease.envelope))
        for queue, args in queues.items():
            self._link.script(PUT, self._queues.keys(queue), *args)
        self._tell(queues)
        return [True] * len(settlements)

    def mark_started(self, leases: Sequence[tuple[Lease, datetime]]) -> None:
        """Nobody sees a job that is forgotten."""
