"""Promise: what is claimed is held, under a token of its own, for as long as was asked."""

import time

from django_convoy.testing.conformance.broker.case import BrokerCase


class Leases(BrokerCase):
    """Claims that nobody disputes."""

    def test_what_is_claimed_is_not_claimed_again(self) -> None:
        self.push()
        assert len(self.claim()) == 1
        assert self.claim() == []
        assert self.claim(broker=self.another()) == []

    def test_each_claim_has_a_new_token(self) -> None:
        self.push()
        tokens = set()
        for _ in range(5):
            lease = self.claim_one()
            tokens.add(lease.token)
            self.broker.settle([(lease, self.again())])
        assert len(tokens) == 5

    def test_a_lease_holds_for_its_time(self) -> None:
        self.push()
        gone = self.another()
        self.claim(broker=gone, lease=3600)
        gone.close()
        time.sleep(self.short)
        assert self.claim() == []
