"""A job is started by its worker or taken back by the steward, never both."""

import os
import time
from types import SimpleNamespace
from typing import Any

import pytest

from django_convoy.domain import clock, ids
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease
from django_convoy.worker.board import Board
from django_convoy.worker.desk import Desk
from django_convoy.worker.layout import HELD
from django_convoy.worker.plan import Plan
from django_convoy.worker.steward import LINGER_SLEEP

pytest.importorskip("fcntl", reason="the board is shared by POSIX locks")


def lease() -> Lease:
    envelope = Envelope(ids.job_id(), "q", "a.b", "{}", "1j-:x", "k", 0, clock.now())
    return Lease(envelope, ids.token(), 1, NO_NOTE)


def desk_of(plan: Plan, pokes: list[str] | None = None) -> tuple[Desk, Any]:
    board = Board()
    region = board.region(0)
    region.open(ids.token())
    region.enter()
    store = SimpleNamespace(durable=True)
    codec = SimpleNamespace(is_inert=lambda envelope: False)
    own = SimpleNamespace(store=store, broker=SimpleNamespace(capabilities=Capabilities()))
    engine: Any = SimpleNamespace(own=own, worker="w", codec=codec)
    told = [] if pokes is None else pokes

    def poke() -> None:
        told.append("steward")

    return Desk(engine, region, plan, lambda: None, poke, lambda: False), region


@pytest.mark.parametrize("plan", [Plan(threads=2), Plan(concurrency=2)], ids=["threads", "async"])
@pytest.mark.parametrize("together", [1, 3])
def test_what_was_taken_back_behind_a_slow_neighbour_is_not_started(
    plan: Plan, together: int
) -> None:
    desk, region = desk_of(plan)
    (first,) = desk.hold([lease()])
    assert desk.take(first)  # it runs beside what comes now
    papers = desk.hold([lease() for _ in range(together)])
    for slot in region.slots():
        if slot.state == HELD and slot.index != first.slot:
            region.recall(slot)
    assert [desk.take(paper) for paper in papers] == [False] * together


def test_a_lock_of_an_earlier_job_does_not_keep_the_steward_away() -> None:
    desk, region = desk_of(Plan())

    def steward_gets(slot: int) -> bool:
        pid = os.fork()  # locks are a process's
        if pid == 0:
            os._exit(int(region.board.lock(region.index, slot)))
        return bool(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    for _ in range(2):
        papers = desk.hold([lease(), lease()])
        assert all(steward_gets(paper.slot) for paper in papers)
        for paper in papers:
            assert desk.take(paper)
            assert not steward_gets(paper.slot)
            desk._clear(paper.slot)


def test_a_steward_that_lingers_need_not_be_poked() -> None:
    pokes: list[str] = []
    desk, region = desk_of(Plan(), pokes)
    region.board.steward_wakes(time.monotonic() + LINGER_SLEEP)
    desk.hold([lease()])
    assert not pokes
    region.board.steward_wakes(time.monotonic() + 60)
    desk.hold([lease()])
    assert pokes == ["steward"]
