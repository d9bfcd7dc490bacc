"""Promise: every name that a queue may have is a queue of its own."""

from django_convoy.contracts.broker import Counts
from django_convoy.domain.verdict import DONE
from django_convoy.testing.conformance.broker.case import BrokerCase, ids_of

LONGEST = 200
"""A namespace, a colon and a queue's name."""
MANY = 40


class Naming(BrokerCase):
    """Names of queues."""

    def test_names_that_look_alike_are_apart(self) -> None:
        name = self.queue
        alike = [
            f"{name}:a",
            f"{name}:A",
            f"{name}.a",
            f"{name}-a",
            f"{name}_a",
            f"{name}:a.fifo",
            f"{name}:a:b",
            f"{name}:a-b",
        ]
        pushed = {queue: self.push(queue=queue) for queue in alike}
        for queue in alike:
            assert self.broker.counts(queue) == Counts(ready=1)
            assert ids_of(self.claim(queues=[queue])) == pushed[queue]

    def test_the_longest_name_is_a_name(self) -> None:
        head = f"{self.queue}:"
        names = [head + "q" * (LONGEST - len(head) - 1) + end for end in "12"]
        first, second = [self.push(queue=name) for name in names]
        assert ids_of(self.claim(queues=[names[1]])) == second
        assert ids_of(self.claim(queues=[names[0]])) == first

    def test_many_queues_are_served_in_their_order(self) -> None:
        names = [f"{self.queue}-{number}" for number in range(MANY)]
        pushed = {name: self.push(queue=name) for name in reversed(names)}
        seen: list[str] = []
        while leases := self.claim(15, queues=names):
            seen += ids_of(leases)
            self.broker.settle([(lease, DONE) for lease in leases])
        assert seen == [one for name in names for one in pushed[name]]

    def test_queues_without_jobs_are_no_hindrance(self) -> None:
        names = [f"{self.queue}-{number}" for number in range(MANY)]
        pushed = self.push(queue=names[-1])
        assert ids_of(self.claim(queues=names)) == pushed
