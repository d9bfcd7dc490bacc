"""A job is started by its worker or taken back by the steward, never both."""

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

pytest.importorskip("fcntl", reason="the board is shared by POSIX locks")


def lease() -> Lease:
    envelope = Envelope(ids.job_id(), "q", "a.b", "{}", "1j-:x", "k", 0, clock.now())
    return Lease(envelope, ids.token(), 1, NO_NOTE)


def desk_of(plan: Plan) -> tuple[Desk, Any]:
    board = Board()
    region = board.region(0)
    region.open(ids.token())
    region.enter()
    store = SimpleNamespace(durable=True)
    codec = SimpleNamespace(is_inert=lambda envelope: False)
    own = SimpleNamespace(store=store, broker=SimpleNamespace(capabilities=Capabilities()))
    engine: Any = SimpleNamespace(own=own, worker="w", codec=codec)
    return Desk(engine, region, plan, lambda: None, lambda: None, lambda: False), region


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
