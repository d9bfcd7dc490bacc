"""Promise: whoever dies, between whichever two steps, leaves every job to others."""

import threading
from collections.abc import Callable, Iterator
from functools import partial

from django_convoy.contracts.broker import Broker, Counts
from django_convoy.domain.envelope import Envelope, Lease
from django_convoy.domain.verdict import DONE
from django_convoy.testing.conformance.broker.case import FOREVER, BrokerCase, T, ids_of


class Crashing(BrokerCase):
    """Processes that end right after a verb. Each is a broker that is made for one verb."""

    def process(self, verb: Callable[[Broker], T]) -> T:
        """Let a process take one step, and be gone."""
        broker = self.make()
        try:
            return verb(broker)
        finally:
            broker.close()

    def taken(self, limit: int = 10) -> list[Lease]:
        """Claim in a process that is gone."""
        self.requires("leases")
        return self.process(lambda broker: self.claim(limit, broker=broker, lease=self.short))

    def pushed(self) -> str:
        """Push in a process that is gone."""
        envelope = self.envelope()
        self.process(lambda broker: broker.push([envelope]))
        return envelope.id

    def hand_back(self, lease: Lease, delay: float, broker: Broker) -> list[bool]:
        """Settle a job that is to run again."""
        return broker.settle([(lease, self.again(delay=delay))])

    def delivered(self, job_id: str, attempt: int) -> None:
        """Check that others get the job, and end it."""
        lease = self.claim_one(wait=FOREVER)
        assert (lease.id, lease.attempt) == (job_id, attempt)
        assert self.broker.settle([(lease, DONE)]) == [True]
        self.rest()
        assert self.broker.counts(self.queue) == Counts()

    def test_a_job_outlives_who_pushed_it(self) -> None:
        self.delivered(self.pushed(), attempt=1)

    def test_a_job_outlives_who_claimed_it(self) -> None:
        job_id = self.pushed()
        self.lapse(self.taken())
        self.delivered(job_id, attempt=2)

    def test_a_job_outlives_who_renewed_it(self) -> None:
        job_id = self.pushed()
        leases = self.taken()
        self.process(lambda broker: broker.renew(leases, lease=self.short))
        self.lapse(leases)
        self.delivered(job_id, attempt=2)

    def test_a_job_outlives_who_handed_it_back(self) -> None:
        for delay in (0.0, 0.1):
            job_id = self.pushed()
            leases = self.taken()
            assert self.process(partial(self.hand_back, leases[0], delay)) == [True]
            self.delivered(job_id, attempt=2)

    def test_what_was_settled_before_the_end_stays_settled(self) -> None:
        pushed = self.push(3)
        leases = self.taken()
        self.process(lambda broker: broker.settle([(leases[1], DONE)]))
        self.lapse([leases[0], leases[2]])
        seen: list[str] = []
        while len(seen) < 2:
            claimed = self.claim(wait=FOREVER)
            seen += ids_of(claimed)
            self.broker.settle([(lease, DONE) for lease in claimed])
        assert sorted(seen) == sorted([pushed[0], pushed[2]])
        assert self.broker.counts(self.queue) == Counts()

    def test_a_batch_that_breaks_off_leaves_nothing(self) -> None:
        def breaking() -> Iterator[Envelope]:
            yield self.envelope()
            yield self.envelope()
            raise ZeroDivisionError

        try:
            self.broker.push(breaking())
        except ZeroDivisionError:
            pass
        else:
            raise AssertionError("an error inside must come out")
        assert self.broker.counts(self.queue) == Counts()
        assert self.claim() == []

    def test_who_ends_while_it_waits_takes_no_job_along(self) -> None:
        broker = self.broker  # made first: it must not be one of those that end
        for _ in range(3):
            waiting = self.another()
            got: list[Lease] = []

            def wait(waiting: Broker = waiting, got: list[Lease] = got) -> None:
                # Not so short that it lapses while the job is given back.
                got.extend(self.claim(broker=waiting, lease=self.short * 5, wait=FOREVER))
                waiting.close()

            thread = threading.Thread(target=wait)
            thread.start()
            thread.join(0.05)  # it has most probably begun to wait, and need not have
            waiting.interrupt()
            envelope = self.envelope()
            broker.push([envelope])
            thread.join()
            self.lapse(got)  # it had not begun to wait when it was told not to, and took the job
            self.delivered(envelope.id, attempt=1 + len(got))
