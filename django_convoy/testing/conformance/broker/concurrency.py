"""Promise: no job is handed out twice, and none is forgotten, however many claim at once."""

from collections import Counter

from django_convoy.contracts.broker import Counts
from django_convoy.domain.verdict import DONE
from django_convoy.testing.conformance.broker.case import FOREVER, BrokerCase, ids_of, in_threads

THREADS = 4
JOBS = 400


class Concurrency(BrokerCase):
    """Several claimers with connections of their own, as in several processes."""

    def drain(self, total: int, seen: list[str]) -> None:
        """Claim and settle until the last job came to somebody."""
        broker = self.make()
        try:
            while len(seen) < total:
                leases = self.claim(7, broker=broker, wait=0.05)
                seen += ids_of(leases)
                answers = broker.settle([(lease, DONE) for lease in leases])
                assert answers == [True] * len(leases)
        finally:
            broker.close()

    def test_every_job_is_handed_out(self) -> None:
        pushed = set(self.push(JOBS))
        seen: set[str] = set()

        def drain() -> None:
            broker = self.make()
            try:
                while not pushed <= seen:
                    leases = self.claim(7, broker=broker, wait=0.05)
                    seen.update(ids_of(leases))
                    broker.settle([(lease, DONE) for lease in leases])
            finally:
                broker.close()

        in_threads([drain] * THREADS)
        assert seen == pushed
        assert self.claim() == []

    def test_every_job_is_handed_out_exactly_once(self) -> None:
        self.requires("exclusive")
        pushed = self.push(JOBS)
        seen: list[str] = []
        in_threads([lambda: self.drain(JOBS, seen)] * THREADS)
        assert Counter(seen) == Counter(pushed)
        assert self.broker.counts(self.queue) == Counts()

    def test_jobs_pushed_meanwhile_are_handed_out_exactly_once(self) -> None:
        self.requires("exclusive")
        pushed: list[str] = []
        seen: list[str] = []

        def pusher() -> None:
            broker = self.make()
            try:
                for size in (1, 10, 1, 30, 1, 7) * 2:
                    envelopes = [self.envelope() for _ in range(size)]
                    broker.push(envelopes)
                    pushed.extend(envelope.id for envelope in envelopes)
            finally:
                broker.close()

        in_threads([pusher, pusher, lambda: self.drain(200, seen), lambda: self.drain(200, seen)])
        assert Counter(seen) == Counter(pushed)

    def test_one_of_many_gets_the_only_job(self) -> None:
        self.requires("exclusive")
        for _ in range(5):
            self.push()

            def grab() -> int:
                broker = self.make()
                try:
                    return len(self.claim(broker=broker))
                finally:
                    broker.close()

            assert sum(in_threads([grab] * THREADS)) + len(self.claim()) == 1

    def test_one_of_many_gets_the_lapsed_job(self) -> None:
        self.requires("exclusive")
        self.push()
        self.abandon()
        seen: list[str] = []
        in_threads([lambda: self.drain(1, seen)] * THREADS)
        assert len(seen) == 1

    def test_who_waits_gets_what_another_pushes(self) -> None:
        pushed: list[str] = []

        def pusher() -> None:
            broker = self.make()
            envelope = self.envelope()
            broker.push([envelope])
            pushed.append(envelope.id)
            broker.close()

        assert self.claim() == []
        _, claimed = in_threads([pusher, lambda: ids_of(self.take(FOREVER))])
        assert claimed == pushed
