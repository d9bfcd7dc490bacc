"""Promise: what fits is taken, and what does not is refused before anything happens."""

from django_convoy.contracts.broker import Counts
from django_convoy.domain.errors import PayloadError
from django_convoy.domain.verdict import DONE
from django_convoy.testing.conformance.broker.case import BrokerCase, ids_of

MEBIBYTE = 1 << 20
BIG = 1_000_000
AROUND = 4096
"""Bytes that a broker may add to a payload for the rest of a job, its notes apart."""


class Largest(BrokerCase):
    """Large jobs, and those around `capabilities.max_body`."""

    def most(self) -> int:
        """Return the limit in bytes. Skips where there is none."""
        most = self.broker.capabilities.max_body
        if most is None:
            self.skip("max_body", "there is no largest job")
        assert most is not None
        return most

    def takes(self, size: int) -> bool:
        """Push a payload of so many bytes; return whether it was taken."""
        try:
            self.push(payload="x" * size)
        except PayloadError as error:
            assert f"{self.broker.capabilities.max_body:,}" in str(error), (
                "the sentence must say how much the broker takes"
            )
            return False
        (lease,) = self.claim()
        assert lease.envelope.payload == "x" * size
        self.broker.settle([(lease, DONE)])
        return True

    def test_a_large_job_comes_back(self) -> None:
        text = '{"args":["' + "ü" * (self.sized(BIG) // 2) + '"]}'
        self.broker.push([self.envelope(payload=text)])
        assert self.claim_one().envelope.payload == text

    def test_a_batch_of_large_jobs_comes_back(self) -> None:
        size = self.sized(100_000)
        self.broker.push([self.envelope(payload=f'"{n}{"x" * size}"') for n in range(20)])
        claimed = self.claim(20)
        assert [lease.envelope.payload[:3] for lease in claimed] == [
            f'"{n}'.ljust(3, "x") for n in range(20)
        ]
        assert len(set(ids_of(claimed))) == 20

    def test_a_job_of_the_largest_size_comes_back(self) -> None:
        most = self.broker.capabilities.max_body
        size = MEBIBYTE if most is None else max(1, most - AROUND)
        self.push(payload="x" * size)
        assert self.claim_one().envelope.payload == "x" * size

    def test_there_is_one_size_up_to_which_jobs_are_taken(self) -> None:
        most = self.most()
        fits, too_large = max(1, most - AROUND), most + 1
        assert self.takes(fits)
        assert not self.takes(too_large)
        while too_large - fits > 1:
            middle = (fits + too_large) // 2
            if self.takes(middle):
                fits = middle
            else:
                too_large = middle

    def test_one_that_is_too_large_is_refused_with_its_batch(self) -> None:
        large = self.envelope(payload="x" * (self.most() + 1))
        try:
            self.broker.push([self.envelope(), large, self.envelope()])
        except PayloadError:
            pass
        else:
            raise AssertionError("a job that is too large must be refused")
        assert self.broker.counts(self.queue) == Counts()

    def test_size_is_counted_in_bytes(self) -> None:
        most = self.most()
        try:
            self.push(payload="ü" * (most // 2 + 1))
        except PayloadError:
            return
        raise AssertionError("a letter of two bytes must count as two")
