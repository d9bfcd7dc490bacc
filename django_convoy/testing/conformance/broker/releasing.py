"""Promise: a job that runs again comes when it was said to, and remembers what happened."""

from django_convoy.domain.envelope import Note
from django_convoy.testing.conformance.broker.case import FOREVER, BrokerCase

TOLD = Note(
    errors=(
        {"exception_class_path": "builtins.ValueError", "message": "zu groß 🚚", "attempt": 1},
        {"exception_class_path": "builtins.KeyError", "message": "'x'", "attempt": 2},
    ),
    workers=("worker-1", "worker-2"),
    failures=2,
    crashes=1,
    ended='builtins.ValueError: "zu groß"\n\\ \x00 done',
    waiting="for newer code",
    releases=3,
    started_at="2026-01-02T03:04:05+00:00",
)


class Releasing(BrokerCase):
    """The verdict `Again`."""

    def test_a_released_job_can_be_claimed_at_once(self) -> None:
        pushed = self.push()
        assert self.broker.settle([(self.claim_one(), self.again())]) == [True]
        assert self.claim_one(broker=self.another()).id == pushed[0]

    def test_a_delivery_counts_as_an_attempt(self) -> None:
        self.push()
        for attempt in (1, 2, 3):
            lease = self.claim_one()
            assert lease.attempt == attempt
            self.broker.settle([(lease, self.again())])

    def test_a_refunded_delivery_does_not_count(self) -> None:
        self.requires("refunds")
        self.push()
        for _ in range(3):
            lease = self.claim_one()
            assert lease.attempt == 1
            self.broker.settle([(lease, self.again(refund=True))])

    def test_a_delayed_job_waits(self) -> None:
        self.push()
        self.broker.settle([(self.claim_one(), self.again(delay=60))])
        assert self.claim() == []

    def test_a_delayed_job_comes_back_once_it_is_due(self) -> None:
        pushed = self.push()
        self.broker.settle([(self.claim_one(), self.again(delay=0.3))])
        lease = self.claim_one(wait=FOREVER)
        assert lease.id == pushed[0]
        assert not lease.note.suspect

    def test_the_note_is_kept(self) -> None:
        self.requires("notes")
        self.push()
        self.broker.settle([(self.claim_one(), self.again(note=TOLD))])
        lease = self.claim_one()
        assert lease.note == TOLD
        self.broker.settle([(lease, self.again())])
        assert self.claim_one().note == Note()

    def test_a_note_without_a_delay_and_one_with_are_kept_alike(self) -> None:
        self.requires("notes")
        self.push()
        self.broker.settle([(self.claim_one(), self.again(delay=0.1, note=TOLD))])
        assert self.claim_one(wait=FOREVER).note == TOLD

    def test_the_envelope_does_not_change(self) -> None:
        self.push(priority=7)
        first = self.claim_one()
        self.broker.settle([(first, self.again(delay=0.1))])
        assert self.claim_one(wait=FOREVER).envelope == first.envelope
