"""Promise: what is more urgent goes first, however old the rest is."""

import time

from django_convoy.testing.conformance.broker.case import BrokerCase, ids_of


class Priority(BrokerCase):
    """Jobs of different priorities in one queue."""

    def test_a_higher_priority_goes_first_and_age_decides_among_equals(self) -> None:
        self.requires("priority")
        pushed = {name: self.push(2, priority=name)[0:2] for name in (0, 50, -50, 100, -100)}
        expected = [one for name in (100, 50, 0, -50, -100) for one in pushed[name]]
        assert ids_of(self.claim(5)) + ids_of(self.claim(5)) == expected

    def test_jobs_that_fall_due_obey_priority(self) -> None:
        self.requires("priority")
        low, high = self.push(delay=0.1, priority=1), self.push(delay=0.1, priority=2)
        time.sleep(0.3)
        assert ids_of(self.claim()) == high + low
