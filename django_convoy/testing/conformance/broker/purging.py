"""Promise: a purge removes what nobody holds; a queue that is deleted is gone with all it had."""

from django_convoy.contracts.broker import Counts
from django_convoy.domain.verdict import DONE
from django_convoy.testing.conformance.broker.case import BrokerCase, ids_of


class Purging(BrokerCase):
    """`purge` and `delete`."""

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

    def test_a_deleted_queue_is_empty(self) -> None:
        self.requires("inventory", "leases")
        self.push(2)
        self.push(delay=60)
        self.claim_one()
        assert self.broker.delete(self.queue) == 3
        assert self.broker.counts(self.queue) == Counts()

    def test_who_held_a_job_of_a_deleted_queue_has_lost_it(self) -> None:
        self.requires("fencing")
        self.push()
        lease = self.claim_one()
        self.broker.delete(self.queue)
        assert self.broker.settle([(lease, DONE)]) == [False]

    def test_a_deleted_queue_can_be_used_again(self) -> None:
        self.push(queue=f"{self.queue}-other")
        self.broker.delete(self.queue)
        self.broker.delete(self.queue)
        assert ids_of(self.claim()) == []
        ids = self.push(2)
        assert ids_of(self.claim()) == ids
        assert self.broker.counts(f"{self.queue}-other").ready == 1
