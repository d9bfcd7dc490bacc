"""Where a renewal changes the token of a lease, whoever settles uses the newest."""

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from django_convoy.core.settling import Conclusion
from django_convoy.domain import clock, ids
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.domain.options import AT_MOST_ONCE
from django_convoy.domain.outcome import Succeeded
from django_convoy.domain.renewal import Renewal, Renewed
from django_convoy.domain.verdict import DONE
from django_convoy.worker.board import Board, Region
from django_convoy.worker.deaths import settle_dead
from django_convoy.worker.desk import Desk, Paper
from django_convoy.worker.handles import LONGEST
from django_convoy.worker.layout import ENDED, LIVE
from django_convoy.worker.ledger import Entry
from django_convoy.worker.parcel import pack_outcome, unpack_lease
from django_convoy.worker.plan import Plan
from django_convoy.worker.renewals import Renewals

pytest.importorskip("fcntl", reason="the board is shared by POSIX locks")


class ChangingBroker:
    """Each renewal gives another token; only the newest settles."""

    capabilities = Capabilities()

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}
        self.settled: list[str] = []
        self.asked = 0
        self.renewed = threading.Event()
        self.answer = threading.Event()
        self.answer.set()
        self.fails = False

    def renew(self, leases: list[Lease], *, lease: float) -> list[Renewal | Renewed]:
        answers: list[Renewal | Renewed] = []
        for one in leases:
            if self.tokens[one.id] != one.token:
                answers.append(Renewal.LOST)
                continue
            self.tokens[one.id] = ids.token()
            answers.append(Renewed(self.tokens[one.id]))
        self.renewed.set()
        self.answer.wait()
        if self.fails:
            raise BrokerUnavailable("its answer did not arrive")
        return answers

    def settle(self, settlements: list[Any]) -> list[bool]:
        self.asked += 1
        answers = []
        for lease, _ in settlements:
            held = self.tokens.get(lease.id) == lease.token
            if held:
                del self.tokens[lease.id]
                self.settled.append(lease.id)
            answers.append(held)
        return answers


class Tree:
    """One worker's desk and its steward's renewals, on one board."""

    def __init__(self, **plan: Any) -> None:
        self.broker = ChangingBroker()
        self.board = Board()
        self.region: Region = self.board.region(0)
        self.region.open(ids.token())
        self.region.enter()
        store = SimpleNamespace(durable=True, finished=lambda records: None)
        own = SimpleNamespace(broker=self.broker, store=store, together=False, spill=None)
        codec = SimpleNamespace(is_inert=lambda envelope: False)
        self.engine: Any = SimpleNamespace(own=own, worker="w", codec=codec)
        self.plan = Plan(**{"lease": 30.0, **plan})
        silent: Any = lambda: None  # noqa: E731
        self.desk = Desk(self.engine, self.region, self.plan, silent, silent, lambda: True)
        self.renewals = Renewals(self.engine, self.board, self.plan)

    def hold(self, count: int = 1) -> list[Paper]:
        leases = [lease() for _ in range(count)]
        self.broker.tokens.update({one.id: one.token for one in leases})
        return self.desk.hold(leases)

    def renew(self) -> None:
        for slot in self.region.slots():
            self.region.renewed(slot, time.monotonic() - self.plan.lease)
        self.renewals._look_at = 0.0
        self.renewals.renew()

    def settle(self, *papers: Paper) -> None:
        for paper in papers:
            conclusion = Conclusion(paper.lease, DONE, None)
            entry = Entry(paper.slot, paper.serial, conclusion, Succeeded("1"))
            self.desk.ledger.add(entry)
        self.desk.ledger.settle()


def lease() -> Lease:
    envelope = Envelope(ids.job_id(), "q", "a.b", "{}", "1j-:x", "k", 0, clock.now())
    return Lease(envelope, ids.token(), 1, NO_NOTE)


def test_what_was_renewed_is_settled_under_its_new_token() -> None:
    tree = Tree()
    papers = tree.hold(3)
    tree.settle(papers.pop())
    tree.renew()
    late = tree.hold(1)
    tree.settle(*papers, *late)
    assert tree.broker.tokens == {}
    assert len(tree.broker.settled) == 4


def test_whoever_is_not_refused_asks_once() -> None:
    tree = Tree()
    tree.settle(*tree.hold(3))
    assert tree.broker.asked == 1


def test_a_lease_is_renewed_again_and_again() -> None:
    tree = Tree()
    (paper,) = tree.hold()
    for _ in range(5):
        tree.renew()
    tree.settle(paper)
    assert tree.broker.tokens == {}


def test_a_settle_that_meets_a_renewal_waits_for_its_answer() -> None:
    tree = Tree()
    papers = tree.hold(2)
    tree.broker.answer.clear()
    steward = threading.Thread(target=tree.renew)
    steward.start()
    tree.broker.renewed.wait()  # the server has changed the tokens, nobody has been told
    threading.Timer(0.1, tree.broker.answer.set).start()
    tree.settle(*papers)
    steward.join()
    assert tree.broker.tokens == {}


def test_a_renewal_whose_answer_is_lost_holds_nobody_up(caplog: Any) -> None:
    tree = Tree()
    (paper,) = tree.hold()
    tree.broker.fails = True
    with pytest.raises(BrokerUnavailable):
        tree.renew()
    tree.settle(paper)
    assert "its lease was lost" in caplog.text
    assert tree.broker.asked == 1


def test_a_steward_that_died_while_it_renewed_is_not_waited_for_forever() -> None:
    tree = Tree(lease=0.3)
    (paper,) = tree.hold()
    tree.region.handle(paper.slot).begin()
    tree.broker.tokens[paper.lease.id] = "another"
    tree.settle(paper)
    assert tree.broker.settled == []
    assert not tree.region.has()


def test_the_next_steward_goes_on_from_the_last_token_that_was_written() -> None:
    tree = Tree()
    (paper,) = tree.hold()
    tree.renew()
    tree.region.handle(paper.slot).begin()  # and died
    tree.renew()
    assert not tree.region.handle(paper.slot).is_changing
    tree.settle(paper)
    assert tree.broker.settled == [paper.lease.id]


def test_a_token_of_the_slots_last_job_is_not_the_next_ones() -> None:
    tree = Tree()
    (first,) = tree.hold()
    tree.renew()
    tree.settle(first)
    (second,) = tree.hold()
    assert second.slot == first.slot
    (slot,) = tree.region.slots()
    assert unpack_lease(slot.lease, slot.token)[0].token == second.lease.token
    tree.settle(second)
    assert tree.broker.tokens == {}


def test_a_renewal_that_comes_late_does_not_touch_the_slots_next_job() -> None:
    tree = Tree()
    (first,) = tree.hold()
    tree.broker.answer.clear()
    steward = threading.Thread(target=tree.renew)
    steward.start()
    tree.broker.renewed.wait()
    tree.broker.tokens[first.lease.id] = first.lease.token  # it was settled just before
    tree.settle(first)
    (second,) = tree.hold()
    tree.broker.answer.set()
    steward.join()
    tree.settle(second)
    assert tree.broker.settled == [first.lease.id, second.lease.id]


def test_what_a_dead_worker_held_is_settled_under_the_newest_token() -> None:
    tree = Tree()
    (paper,) = tree.hold()
    packed = pack_outcome(Succeeded("1"), clock.now(), clock.now(), None, "w")
    tree.region.start(paper.slot, time.monotonic(), 0.0, 0)
    assert tree.region.end(paper.slot, packed)
    tree.renew()
    tree.region.bury(0)
    assert [slot.state for slot in tree.region.slots()] == [ENDED]
    settle_dead(tree.engine, tree.region)
    assert tree.broker.settled == [paper.lease.id]
    assert not any(True for _ in tree.board.regions(LIVE))


def test_an_at_most_once_job_is_settled_under_the_newest_token() -> None:
    tree = Tree()
    (paper,) = tree.hold()
    tree.renew()
    options = SimpleNamespace(
        timeout=None, grace=0, kill_on_stop=False, delivery=AT_MOST_ONCE, atomic=False
    )
    run: Any = SimpleNamespace(options=options)
    tree.desk.begin(paper, run)
    assert tree.broker.settle([(paper.lease, DONE)]) == [True]


def test_a_job_that_is_being_settled_is_not_said_to_be_lost(caplog: Any) -> None:
    tree = Tree(on_lost_lease="kill")
    (paper,) = tree.hold()
    tree.region.start(paper.slot, time.monotonic(), 0.0, 0)
    assert not tree.region.end(paper.slot, None)  # it failed: its outcome has no copy here
    tree.broker.tokens[paper.lease.id] = "of the settle that is under way"
    tree.renew()
    assert "lost" not in caplog.text


def test_a_token_that_is_too_long_is_a_lost_lease(caplog: Any) -> None:
    tree = Tree()
    (paper,) = tree.hold()
    tree.region.start(paper.slot, time.monotonic(), 0.0, 0)
    assert not tree.region.handle(paper.slot).end(paper.serial, "x" * (LONGEST + 1))
    assert tree.region.handle(paper.slot).end(paper.serial, "x" * LONGEST)
    assert tree.region.handle(paper.slot).token(paper.serial) == "x" * LONGEST
