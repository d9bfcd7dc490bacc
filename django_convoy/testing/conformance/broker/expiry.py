"""Promise: what a dead worker held is delivered again, alone; the guilty one is charged."""

import time

from django_convoy.domain.verdict import DONE
from django_convoy.testing.conformance.broker.case import FOREVER, BrokerCase, ids_of


class Expiry(BrokerCase):
    """Leases whose holder is gone."""

    def test_a_lapsed_job_is_delivered_again_and_says_so(self) -> None:
        pushed = self.push()
        self.abandon()
        lease = self.claim_one(wait=FOREVER)
        assert lease.id == pushed[0]
        assert lease.attempt == 2
        if self.broker.capabilities.notes:
            assert lease.note.suspect
            assert lease.note.ended

    def test_suspects_come_one_per_claim_before_what_is_ready(self) -> None:
        self.requires("notes")
        suspects = self.push(3)
        self.abandon()
        claimed = [self.claim(wait=FOREVER)]
        ready = self.push(2)
        claimed += [self.claim(), self.claim()]
        assert [len(leases) for leases in claimed] == [1, 1, 1]
        assert sorted(leases[0].id for leases in claimed) == sorted(suspects)
        assert ids_of(self.claim()) == ready

    def test_nobody_is_charged_for_lapsing_once(self) -> None:
        self.requires("notes")
        self.push(2)
        self.abandon()
        assert [self.claim_one(wait=FOREVER).note.crashes for _ in range(2)] == [0, 0]

    def test_a_suspect_that_lapses_again_is_charged_with_a_crash(self) -> None:
        self.requires("notes")
        self.push()
        self.abandon()
        for crashes in (0, 1, 2):
            (lease,) = self.abandon(wait=FOREVER)
            assert lease.note.suspect
            assert lease.note.crashes == crashes

    def test_a_suspect_stays_one_while_it_is_handed_back(self) -> None:
        self.requires("notes", "refunds")
        self.push()
        self.abandon()
        for delay in (0.0, self.soon):
            lease = self.claim_one(wait=FOREVER)
            self.broker.settle([(lease, self.again(delay=delay, note=lease.note))])
        ready = self.push()
        time.sleep(self.soon + 0.2)
        assert [one.note.suspect for one in self.claim()] == [True]
        assert ids_of(self.claim()) == ready

    def test_a_lapsed_lease_that_nobody_took_may_still_be_settled(self) -> None:
        self.requires("late")
        self.push()
        (lease,) = self.claim(lease=self.short)
        self.lapse([lease])
        time.sleep(self.short * 1.5)
        assert self.broker.settle([(lease, DONE)]) == [True]
        assert self.claim() == []
