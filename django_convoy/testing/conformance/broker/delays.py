"""Promise: a job is not delivered before it is due, and is once it is."""

from datetime import timedelta

from django_convoy.testing.conformance.broker.case import FOREVER, BrokerCase, ids_of


class Delays(BrokerCase):
    """Jobs with a due time."""

    def delay(self, seconds: float) -> float:
        """Return a delay that the broker can hold, `seconds` if it can. Skips if it holds none."""
        self.requires_delays()
        longest = self.broker.capabilities.max_delay
        return seconds if longest is None else min(seconds, longest.total_seconds())

    def test_a_job_that_is_not_due_is_not_claimed(self) -> None:
        self.push(delay=self.delay(3600))
        ready = self.push()
        assert ids_of(self.claim()) == ready
        assert self.claim() == []

    def test_a_job_is_claimed_once_it_is_due(self) -> None:
        pushed = self.push(delay=0.3)
        assert ids_of(self.claim(wait=FOREVER)) == pushed

    def test_a_job_that_is_due_already_is_ready(self) -> None:
        pushed = self.push(delay=-3600)
        assert ids_of(self.claim()) == pushed

    def test_a_delay_counts_no_attempt(self) -> None:
        self.push(delay=0.1)
        assert self.claim_one(wait=FOREVER).attempt == 1

    def test_the_due_time_stays_with_the_job(self) -> None:
        envelope = self.envelope(delay=0.1)
        self.broker.push([envelope])
        assert self.claim_one(wait=FOREVER).envelope.due == envelope.due

    def test_the_broker_knows_when_the_next_job_is_due(self) -> None:
        self.push(delay=self.delay(3600))
        left = self.broker.next_due()
        assert left is None or 0 <= left <= timedelta(hours=1).total_seconds()
