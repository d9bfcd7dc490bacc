"""Promise: counts see each job in the state that it is in."""

from django_convoy.contracts.broker import Counts
from django_convoy.domain.verdict import DONE
from django_convoy.testing.conformance.broker.case import FOREVER, BrokerCase


class Counting(BrokerCase):
    """`counts`."""

    def test_every_state_is_counted(self) -> None:
        assert self.broker.counts(self.queue) == Counts()
        self.one_of_each()
        delayed = int(self.holds_delays)
        expected = self.known(Counts(ready=2, delayed=delayed, leased=1, buried=1))
        assert self.broker.counts(self.queue) == expected

    def test_a_settled_job_counts_nowhere(self) -> None:
        self.push()
        self.broker.settle([(self.claim_one(), DONE)])
        assert self.broker.counts(self.queue) == Counts()

    def test_a_lapsed_job_counts_as_ready_once_it_is_noticed(self) -> None:
        self.push(2)
        self.abandon()
        self.claim_one(wait=FOREVER)
        counts = self.broker.counts(self.queue)
        assert counts.ready + counts.leased == 2
        assert counts.leased >= self.broker.capabilities.inventory

    def test_queues_are_counted_apart(self) -> None:
        self.push(2, queue=f"{self.queue}-other")
        assert self.broker.counts(self.queue) == Counts()
        assert self.broker.counts(f"{self.queue}-other") == Counts(ready=2)
