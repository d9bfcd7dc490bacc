"""Promise: live jobs can be looked at; those that nobody holds can be removed."""

from django_convoy.contracts.broker import Counts
from django_convoy.domain import clock
from django_convoy.domain.verdict import DONE
from django_convoy.testing.conformance.broker.case import FOREVER, BrokerCase, ids_of


class Browsing(BrokerCase):
    """The role `Browsable`."""

    def test_the_role_is_there_exactly_when_it_is_promised(self) -> None:
        has_role = all(hasattr(self.broker, name) for name in ("find", "jobs", "remove", "queues"))
        assert has_role == self.broker.capabilities.browse

    def test_a_ready_job_is_found(self) -> None:
        envelope = self.envelope(priority=3)
        self.browser.push([envelope])
        held = self.browser.find(envelope.id)
        assert held.envelope == envelope
        assert (held.state, held.attempt, held.worker) == ("ready", 0, "")

    def test_a_delayed_job_says_when_it_is_due(self) -> None:
        envelope = self.envelope(delay=60)
        self.browser.push([envelope])
        held = self.browser.find(envelope.id)
        assert (held.state, held.wake_at) == ("delayed", envelope.due)

    def test_a_held_job_says_who_holds_it(self) -> None:
        self.requires("leases")
        self.push()
        browser, lease = self.browser, self.claim_one()
        held = browser.find(lease.id)
        assert (held.state, held.attempt) == ("leased", 1)
        assert held.started_at is None
        if self.broker.capabilities.holders:
            assert held.worker == "worker-1"

    def test_a_long_job_says_when_it_began(self) -> None:
        self.requires("leases", "holders")
        self.push()
        browser, lease, now = self.browser, self.claim_one(), clock.now()
        browser.mark_started([(lease, now)])
        assert browser.find(lease.id).started_at == now

    def test_a_suspect_reads_so(self) -> None:
        self.requires("notes")
        self.push(2)
        self.abandon()
        self.claim_one(wait=FOREVER)
        assert [held.state for held in self.browser.jobs(queue=self.queue, state="suspect")] == [
            "suspect"
        ]

    def test_what_is_over_is_not_found(self) -> None:
        self.push()
        browser, lease = self.browser, self.claim_one()
        self.broker.settle([(lease, DONE)])
        assert browser.find(lease.id) is None
        assert browser.find("0" * 32) is None

    def test_jobs_are_listed_oldest_first(self) -> None:
        pushed = self.push(3) + self.push(2, priority=9)
        listed = [held.envelope.id for held in self.browser.jobs(queue=self.queue)]
        assert listed == pushed
        few = self.browser.jobs(queue=self.queue, limit=2)
        assert [held.envelope.id for held in few] == pushed[:2]

    def test_jobs_are_listed_by_state(self) -> None:
        self.requires("leases")
        delayed = self.push(delay=60)
        leased = self.push()
        self.claim_one()
        ready = self.push()
        for state, expected in (("ready", ready), ("delayed", delayed), ("leased", leased)):
            found = self.browser.jobs(queue=self.queue, state=state)
            assert [held.envelope.id for held in found] == expected

    def test_a_job_that_nobody_holds_can_be_removed(self) -> None:
        envelope = self.envelope()
        self.browser.push([envelope])
        assert self.browser.remove(envelope.id) == envelope
        assert self.browser.remove(envelope.id) is None
        assert self.claim() == []

    def test_a_held_job_cannot_be_removed(self) -> None:
        self.push()
        browser, lease = self.browser, self.claim_one()
        assert browser.remove(lease.id) is None
        assert self.broker.settle([(lease, DONE)]) == [True]

    def test_all_queues_are_known(self) -> None:
        self.push(2)
        self.push(delay=60, queue=f"{self.queue}-later")
        queues = self.browser.queues()
        assert queues[self.queue] == Counts(ready=2)
        assert queues[f"{self.queue}-later"] == Counts(delayed=1)

    def test_queues_with_work_are_known(self) -> None:
        for name in ("b", "a", "c"):
            self.push(2, queue=f"{self.queue}-{name}")
        self.push(queue=f"{self.queue}-later", delay=60)
        self.claim(queues=[f"{self.queue}-c"])
        mine = {name for name in self.browser.ready_queues() if name.startswith(self.queue)}
        assert mine == {f"{self.queue}-a", f"{self.queue}-b"}

    def test_a_queue_whose_jobs_lapsed_has_work(self) -> None:
        self.requires("notes")
        self.push(2)
        self.abandon()
        lease = self.claim_one(wait=FOREVER)
        assert self.queue in self.browser.ready_queues()
        assert ids_of(self.claim()) != [lease.id]
