"""What the steward finds on the board, and who may take which job back."""

import pytest

from django_convoy.domain import ids
from django_convoy.worker.board import Board
from django_convoy.worker.layout import (
    DEAD,
    EMPTY,
    ENDED,
    FREE,
    HELD,
    LIVE,
    RUNNING,
    SLOTS,
    STATES_AT,
    places,
)

pytest.importorskip("fcntl", reason="the board is shared by POSIX locks")


@pytest.mark.parametrize("states", [(HELD,), (RUNNING,), (HELD, ENDED), (HELD, RUNNING, ENDED)])
def test_states_are_found_where_they_stand(states: tuple[int, ...]) -> None:
    line = bytes(number * 7 % 11 % 4 for number in range(SLOTS))
    assert places(line, states) == [at for at, state in enumerate(line) if state in states]
    assert places(bytes(SLOTS), states) == []


def test_slots_and_regions_are_found_by_their_states() -> None:
    board = Board()
    for index in (0, 3, 127):
        board.region(index).open(ids.token())
    board.region(3).bury(0)
    assert [region.index for region in board.regions(LIVE)] == [0, 127]
    assert [region.index for region in board.regions(LIVE, DEAD)] == [0, 3, 127]
    assert len(list(board.regions(FREE))) == 125
    region = board.region(127)
    assert not region.has()
    for slot in (0, 5, SLOTS - 1):
        region.hold(slot, b"lease", 1.0)
    region.start(5, 2.0, 0.0, 0)
    region.end(SLOTS - 1, b"outcome")
    assert [slot.index for slot in region.slots()] == [0, 5, SLOTS - 1]
    assert [slot.index for slot in region.slots(RUNNING, HELD)] == [0, 5]
    assert region.has(ENDED)
    region.clear(SLOTS - 1)
    assert not region.has(ENDED)
    header, base = region.header
    assert header[base + STATES_AT + SLOTS - 1] == EMPTY
