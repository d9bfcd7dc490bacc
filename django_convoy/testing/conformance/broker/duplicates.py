"""Promise: what is said twice has happened once."""

import contextlib

from django_convoy.contracts.broker import Counts
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import DONE
from django_convoy.testing.conformance.broker.case import BrokerCase, ids_of


class Duplicates(BrokerCase):
    """Verbs that are repeated, as after an answer that was lost on the way."""

    def push_again(self, envelope: Envelope) -> None:
        """Push a job whose id is there; the broker may say so, or not."""
        with contextlib.suppress(Exception):
            self.another().push([envelope])

    def test_a_job_that_is_pushed_twice_is_there_once(self) -> None:
        self.requires("unique")
        envelope = self.envelope()
        self.broker.push([envelope])
        self.push_again(envelope)
        assert self.broker.counts(self.queue) == Counts(ready=1)
        (lease,) = self.claim()
        assert self.broker.settle([(lease, DONE)]) == [True]
        assert self.broker.counts(self.queue) == Counts()

    def test_a_new_job_that_is_pushed_again_is_there_once(self) -> None:
        self.requires("unique")
        envelopes = [self.envelope() for _ in range(6)]
        self.broker.push_new(envelopes[:5])
        self.broker.push_new(envelopes[5:])
        for envelope in reversed(envelopes[:5]):  # by who got no answer
            self.push_again(envelope)
        seen: list[str] = []
        while leases := self.claim(2):
            seen += ids_of(leases)
            assert self.broker.settle([(lease, DONE) for lease in leases]) == [True] * len(leases)
        assert sorted(seen) == sorted(one.id for one in envelopes)
        assert self.broker.counts(self.queue) == Counts()

    def test_a_held_job_that_is_pushed_again_is_not_handed_out_twice(self) -> None:
        self.requires("unique", "leases")
        envelope = self.envelope()
        self.broker.push([envelope])
        lease = self.claim_one()
        self.push_again(envelope)
        assert self.claim() == []
        assert self.broker.settle([(lease, DONE)]) == [True]
        assert self.claim() == []

    def test_a_delayed_job_that_is_pushed_again_waits_on(self) -> None:
        self.requires("unique")
        envelope = self.envelope(delay=60)
        self.broker.push([envelope])
        self.push_again(self.envelope(id=envelope.id))
        assert self.claim() == []
        assert self.broker.counts(self.queue) == Counts(delayed=1)

    def test_an_id_can_be_used_again_once_its_job_is_over(self) -> None:
        envelope = self.envelope()
        for _ in range(2):
            self.broker.push([envelope])
            lease = self.claim_one()
            assert (lease.id, lease.attempt) == (envelope.id, 1)
            self.broker.settle([(lease, DONE)])
        assert self.claim() == []

    def test_a_job_that_is_settled_twice_in_a_batch_is_over_once(self) -> None:
        self.requires("unique", "leases")
        other = self.push(2)[1]
        first, _ = self.claim()
        answers = self.broker.settle([(first, DONE), (first, DONE)])
        assert answers[0] is True
        assert self.broker.counts(self.queue) == Counts(leased=1)
        assert other not in ids_of(self.claim())

    def test_a_job_that_is_renewed_twice_in_a_batch_is_held(self) -> None:
        self.requires("unique", "leases")
        self.push()
        lease = self.claim_one()
        assert self.broker.renew([lease, lease], lease=60)[0] is Renewal.HELD
        assert self.broker.settle([(lease, DONE)]) == [True]

    def test_what_is_over_cannot_be_renewed(self) -> None:
        self.requires("fencing")
        self.push(2)
        done, again = self.claim()
        self.broker.settle([(done, DONE), (again, self.again())])
        assert self.another().renew([done, again], lease=60) == [Renewal.LOST, Renewal.LOST]
        assert ids_of(self.claim()) == [again.id]
