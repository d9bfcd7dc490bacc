"""Promise: a batch is one step, and each of its jobs has its own answer."""

from django_convoy.contracts.broker import Counts
from django_convoy.domain.envelope import Note
from django_convoy.domain.verdict import DONE, Again, Bury, Verdict
from django_convoy.testing.conformance.broker.case import BrokerCase, ids_of


class Batches(BrokerCase):
    """Verbs that take several jobs."""

    many = 1234
    """More jobs than a broker puts into one statement."""

    def test_verdicts_of_all_kinds_may_be_mixed(self) -> None:
        self.requires("fencing")
        pushed = self.push(7)
        leases = self.claim()
        self.broker.settle([(leases[3], DONE)])
        verdicts: list[Verdict] = [
            DONE,
            Again(0, False, Note(failures=1)),
            Again(60, True, Note()),
            DONE,
            Bury(Note(crashes=3)),
            Again(0, False, Note(failures=2)),
            DONE,
        ]
        answers = self.broker.settle(list(zip(leases, verdicts, strict=True)))
        assert answers == [True, True, True, False, True, True, True]
        assert self.broker.counts(self.queue) == Counts(ready=2, delayed=1, buried=1)
        again = self.claim()
        assert ids_of(again) == [pushed[1], pushed[5]]
        if self.broker.capabilities.notes:
            assert [lease.note.failures for lease in again] == [1, 2]

    def test_jobs_of_several_claims_may_be_settled_together(self) -> None:
        self.push(4)
        leases = self.claim(1) + self.claim(2) + self.claim(1, broker=self.another())
        assert self.broker.settle([(lease, DONE) for lease in reversed(leases)]) == [True] * 4
        assert self.broker.counts(self.queue) == Counts()

    def test_large_batches_go_through_every_verb(self) -> None:
        pushed = self.push(self.many)
        leases: list[str] = []
        while claimed := self.claim(self.many):
            self.broker.renew(claimed, lease=60)
            answers = self.broker.settle([(lease, DONE) for lease in claimed])
            assert answers == [True] * len(claimed)
            leases += ids_of(claimed)
        ordered = self.broker.capabilities.ordered
        assert (leases if ordered else sorted(leases)) == pushed

    def test_empty_batches_are_fine(self) -> None:
        self.broker.push([])
        assert self.broker.settle([]) == []

    def test_what_is_done_together_is_undone_together(self) -> None:
        self.requires("transactional")
        self.push()
        lease = self.claim_one()

        def work() -> None:
            assert self.broker.settle([(lease, DONE)]) == [True]
            self.push()
            raise ZeroDivisionError

        try:
            self.broker.together(work)
        except ZeroDivisionError:
            pass
        else:
            raise AssertionError("an error inside must come out")
        assert self.broker.counts(self.queue) == Counts(leased=1)
        assert self.broker.together(lambda: self.broker.settle([(lease, DONE)])) == [True]
        assert self.broker.counts(self.queue) == Counts()
