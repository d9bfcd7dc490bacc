"""After jobs the steward goes on looking for a moment, then it sleeps for long."""

import os
import time
from types import SimpleNamespace
from typing import Any

import pytest

from django_convoy.domain import ids
from django_convoy.domain.capabilities import Capabilities
from django_convoy.worker import steward as module
from django_convoy.worker.board import Board
from django_convoy.worker.desk import LOOK_SECONDS
from django_convoy.worker.plan import Plan
from django_convoy.worker.steward import LINGER_SLEEP, LONGEST_SLEEP, Steward

pytest.importorskip("fcntl", reason="the board is shared by POSIX locks")


def steward_of(board: Board) -> Steward:
    own = SimpleNamespace(broker=SimpleNamespace(capabilities=Capabilities()))
    engine: Any = SimpleNamespace(
        own=own, services=tuple, lanes=None, long_transaction=None, relay=None
    )
    return Steward(engine, board, Plan(), -1, os.getppid(), lambda: None)


def test_it_lingers_after_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.05)
    board = Board()
    region = board.region(0)
    region.open(ids.token())
    steward = steward_of(board)
    assert steward._step() == LONGEST_SLEEP
    for jobs in range(1, 4):
        region.count(jobs)
        assert steward._step() == LINGER_SLEEP < LOOK_SECONDS
    time.sleep(0.06)
    assert steward._step() == LONGEST_SLEEP
