"""Of those that may have taken a tree down, one runs at a time: then it is clear who did."""

import time
from collections.abc import Callable

import pytest

from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease, Note
from django_convoy.worker.board import Board
from django_convoy.worker.probation import SECONDS, Probation

pytest.importorskip("fcntl", reason="the board is shared by POSIX locks")


def lease(note: Note = NO_NOTE) -> Lease:
    envelope = Envelope(ids.job_id(), "q", "a.b", "{}", "1j-:x", "k", 0, clock.now())
    return Lease(envelope, ids.token(), 1, note)


SUSPECT, OTHER = lease(Note(suspect=True)), lease()


@pytest.fixture
def probation() -> Callable[[int], Probation]:
    board = Board()
    return lambda region: Probation(board, region)


def test_only_one_worker_runs_a_suspect(probation: Callable[[int], Probation]) -> None:
    first, second = probation(0), probation(1)
    assert first()
    first.claimed([SUSPECT])
    assert not second()
    assert not first(), "not even two in one worker"
    first.claimed([OTHER])
    assert not second()
    first.over()
    assert second()


def test_who_asked_and_got_another_job_gives_the_right_back(
    probation: Callable[[int], Probation],
) -> None:
    first, second = probation(0), probation(1)
    for leases in ([OTHER, OTHER], []):
        assert first()
        first.claimed(leases)
        assert second()
        second.claimed([])


def test_a_worker_that_never_asked_takes_nobodys_right(
    probation: Callable[[int], Probation],
) -> None:
    first, second = probation(0), probation(1)
    assert first()
    second.claimed([OTHER])
    second.over()
    assert not second()


def test_a_long_suspect_does_not_hold_up_the_others_for_ever(
    probation: Callable[[int], Probation], monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.monotonic() + SECONDS + 1
    assert probation(0)()
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert probation(1)()


def test_a_claim_that_looks_again_asks_again(probation: Callable[[int], Probation]) -> None:
    first, second = probation(0), probation(1)
    assert first()
    assert first(), "found none at its first look"
    assert not second()
    first.give_back()
    assert second()
    first.give_back()
    assert not first(), "it is the other's"
