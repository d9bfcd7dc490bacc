"""Promise: what is no job of ours stops nobody, whoever put it there."""

from django_convoy.domain.verdict import DONE
from django_convoy.testing.conformance.broker.case import BrokerCase, ids_of


class Hostile(BrokerCase):
    """Values on the server that Convoy did not write: see `spoil`."""

    def survives(self, kind: str) -> None:
        """Put such a value between jobs; check that all of them come, and nothing is raised."""
        before = self.push()
        self.spoil(self.queue, kind)
        after = self.push(2)
        wanted, seen = {*before, *after}, set[str]()
        while wanted - seen:
            leases = self.claim(wait=5)
            assert leases, f"a value of the kind {kind!r} keeps jobs from being claimed"
            seen.update(ids_of(leases))
            self.broker.settle([(lease, DONE) for lease in leases])
        self.broker.counts(self.queue)
        self.broker.purge(self.queue)

    def test_bytes_that_are_no_text(self) -> None:
        self.survives("garbage")

    def test_a_job_that_was_cut_off(self) -> None:
        self.survives("truncated")

    def test_a_value_of_another_program(self) -> None:
        self.survives("foreign")

    def test_an_empty_value(self) -> None:
        self.survives("empty")

    def test_a_claim_that_finds_nothing_else_waits_and_returns(self) -> None:
        for kind in ("garbage", "truncated", "foreign", "empty"):
            self.spoil(self.queue, kind)
        for _ in range(3):
            leases = self.claim(wait=0.05)
            self.broker.settle([(lease, DONE) for lease in leases])
        pushed = self.push()
        assert pushed[0] in ids_of(self.claim(wait=5))

    def test_whoever_looks_sees_the_jobs(self) -> None:
        browser = self.browser
        self.spoil(self.queue, "garbage")
        pushed = self.push()
        assert pushed[0] in [held.envelope.id for held in browser.jobs(queue=self.queue)]
        assert browser.find(pushed[0]).state == "ready"
        assert self.queue in browser.queues()
