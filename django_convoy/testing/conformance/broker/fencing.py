"""Promise: whoever lost the lease changes nothing."""

from datetime import timedelta

from django_convoy.contracts.broker import Counts
from django_convoy.domain import clock
from django_convoy.domain.envelope import Lease, Note
from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import DONE, Again, Bury
from django_convoy.testing.conformance.broker.case import FOREVER, BrokerCase


class Fencing(BrokerCase):
    """Settling with a token that is no longer the job's."""

    def lose(self) -> tuple[Lease, Lease]:
        """Return a lease that was lost, and the lease of who has the job now."""
        self.requires("fencing")
        self.push()
        (stale,) = self.abandon()
        return stale, self.claim_one(wait=FOREVER)

    def test_a_stale_lease_settles_nothing(self) -> None:
        stale, current = self.lose()
        for verdict in (DONE, Again(0, False, Note()), Again(9, True, Note()), Bury(Note())):
            assert self.broker.settle([(stale, verdict)]) == [False]
        assert self.claim() == []
        assert self.broker.settle([(current, DONE)]) == [True]

    def test_a_stale_lease_is_refused_beside_the_current_one_in_a_batch(self) -> None:
        for verdict in (DONE, Again(0, False, Note())):
            stale, current = self.lose()
            answers = self.broker.settle([(stale, DONE), (current, verdict)])
            assert answers == [False, True]
            self.broker.purge(self.queue)

    def test_a_stale_lease_is_refused_in_any_process(self) -> None:
        stale, _ = self.lose()
        assert self.another().settle([(stale, DONE)]) == [False]

    def test_a_stale_lease_renews_nothing(self) -> None:
        stale, _ = self.lose()
        assert self.broker.renew([stale], lease=60) == [Renewal.LOST]

    def test_a_job_is_settled_once(self) -> None:
        self.requires("fencing")
        self.push()
        lease = self.claim_one()
        assert self.broker.settle([(lease, DONE)]) == [True]
        assert self.broker.settle([(lease, DONE)]) == [False]
        assert self.broker.settle([(lease, self.again())]) == [False]
        assert self.broker.counts(self.queue) == Counts()

    def test_a_lease_ends_when_the_job_is_handed_back(self) -> None:
        self.requires("fencing")
        self.push()
        lease = self.claim_one()
        self.broker.settle([(lease, self.again())])
        assert self.broker.settle([(lease, DONE)]) == [False]
        assert self.claim_one().id == lease.id

    def test_a_stale_lease_marks_nothing_as_started(self) -> None:
        stale, current = self.lose()
        self.browser.mark_started([(stale, clock.now() - timedelta(seconds=9))])
        assert self.browser.find(current.id).started_at is None
