"""Promise: first in, first out; queues in the order they are named."""

from django_convoy.testing.conformance.broker.case import BrokerCase, ids_of


class Ordering(BrokerCase):
    """In which order jobs are claimed."""

    def test_jobs_are_claimed_in_the_order_they_were_pushed(self) -> None:
        self.requires("ordered")
        pushed = self.push(3) + self.push() + self.push(2)
        assert ids_of(self.claim(4)) + ids_of(self.claim(4)) == pushed

    def test_a_claim_takes_no_more_than_its_limit(self) -> None:
        self.push(5)
        assert len(self.claim(2)) == 2
        assert len(self.claim(10)) == 3

    def test_queues_are_served_in_the_order_they_are_named(self) -> None:
        low = self.push(2, queue=f"{self.queue}-low", priority=100)
        high = self.push(2, queue=f"{self.queue}-high")
        queues = [f"{self.queue}-high", f"{self.queue}-low"]
        assert ids_of(self.claim(1, queues=queues)) == high[:1]
        assert ids_of(self.claim(3, queues=queues)) == high[1:] + low

    def test_other_queues_are_not_touched(self) -> None:
        other = self.push(queue=f"{self.queue}-other")
        upper = self.push(queue=self.queue.upper())
        assert self.claim() == []
        assert ids_of(self.claim(queues=[f"{self.queue}-other"])) == other
        assert ids_of(self.claim(queues=[self.queue.upper()])) == upper

    def test_a_job_keeps_its_place_when_it_is_handed_back_ready(self) -> None:
        self.requires("refunds", "keeps_place", "ordered")
        pushed = self.push(3)
        first = self.claim_one()
        self.broker.settle([(first, self.again())])
        assert ids_of(self.claim()) == pushed
