"""Promise: counts and purges see each job in the state that it is in."""

from django_convoy.contracts.broker import Counts
from django_convoy.domain.envelope import Note
from django_convoy.domain.verdict import DONE, Bury
from django_convoy.testing.conformance.broker.case import FOREVER, BrokerCase, ids_of


class Counting(BrokerCase):
    """`counts` and `purge`."""

    def one_of_each(self) -> None:
        """Leave one buried, one leased, one delayed (if that can be) and two ready jobs."""
        self.push(2)
        self.broker.settle([(self.claim_one(), Bury(Note()))])
        self.claim_one()
        if self.holds_delays:
            self.push(delay=60)
        self.push(2)

    def test_every_state_is_counted(self) -> None:
        assert self.broker.counts(self.queue) == Counts()
        self.one_of_each()
        delayed = int(self.holds_delays)
        assert self.broker.counts(self.queue) == Counts(2, delayed, leased=1, buried=1)

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
        assert counts.leased >= 1

    def test_queues_are_counted_apart(self) -> None:
        self.push(2, queue=f"{self.queue}-other")
        assert self.broker.counts(self.queue) == Counts()
        assert self.broker.counts(f"{self.queue}-other") == Counts(ready=2)

    def test_a_purge_removes_what_nobody_holds(self) -> None:
        self.requires("exact_purge")
        self.one_of_each()
        assert self.broker.purge(self.queue) == 3 + self.holds_delays
        assert self.broker.counts(self.queue) == Counts(leased=1)
        assert self.claim() == []

    def test_a_purge_leaves_other_queues_alone(self) -> None:
        self.push()
        other = self.push(queue=f"{self.queue}-other")
        self.broker.purge(self.queue)
        assert ids_of(self.claim(queues=[f"{self.queue}-other"])) == other

    def test_who_holds_a_job_settles_it_after_a_purge(self) -> None:
        self.push()
        lease = self.claim_one()
        assert self.broker.purge(self.queue) == 0
        assert self.broker.settle([(lease, DONE)]) == [True]
