"""Promise: a live holder keeps its lease."""

import time

from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import DONE
from django_convoy.testing.conformance.broker.case import FOREVER, BrokerCase


class Renewing(BrokerCase):
    """Leases that are renewed."""

    def test_a_renewed_lease_holds_for_another_period(self) -> None:
        self.push()
        gone = self.another()
        leases = self.claim(broker=gone, lease=self.short)
        assert self.renew(leases, lease=3600) == [Renewal.HELD]
        gone.close()
        time.sleep(self.short * 1.5)
        assert self.claim() == []
        assert self.broker.settle([(leases[0], DONE)]) == [True]

    def test_a_renewal_counts_from_now(self) -> None:
        self.requires("leases")
        self.push()
        gone = self.another()
        leases = self.claim(broker=gone, lease=3600)
        self.renew(leases, lease=self.short, broker=gone)
        gone.close()
        self.lapse(leases)
        assert self.claim_one(wait=FOREVER).id == leases[0].id

    def test_a_lapsed_lease_that_nobody_took_may_still_be_renewed(self) -> None:
        self.requires("late")
        self.push()
        leases = self.claim(lease=self.short)
        self.lapse(leases)
        time.sleep(self.short * 1.5)
        assert self.renew(leases, lease=60) == [Renewal.HELD]
        assert self.claim() == []
        assert self.broker.settle([(leases[0], DONE)]) == [True]

    def test_each_lease_of_a_batch_has_its_own_answer(self) -> None:
        self.requires("fencing")
        self.push(3)
        first, second, third = self.claim()
        self.broker.settle([(second, DONE)])
        answers = self.renew([third, second, first], lease=60, broker=self.another())
        assert answers == [Renewal.HELD, Renewal.LOST, Renewal.HELD]

    def test_renewing_changes_nothing_else(self) -> None:
        self.push(payload='{"args":["x"],"kwargs":{}}')
        lease = self.claim_one()
        self.renew([lease], lease=60)
        self.broker.settle([(lease, self.again())])
        again = self.claim_one()
        assert (again.envelope, again.attempt, again.note) == (
            lease.envelope,
            lease.attempt + 1,
            lease.note,
        )

    def test_renewing_nothing_is_fine(self) -> None:
        assert self.broker.renew([], lease=60) == []
