"""Whenever an interrupt comes, it ends one sleep, and leaves nothing that would end all others."""

import contextlib
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("redis")

from django_convoy.brokers.redis_idling import Idling


class Far:
    """The end of the bell that an interrupt writes to; calls something before or after it does."""

    def __init__(
        self, far: socket.socket, before: Callable[[], None], after: Callable[[], None]
    ) -> None:
        self._far, self._before, self._after = far, before, after

    def send(self, word: bytes) -> None:
        self._before()
        self._far.send(word)
        self._after()

    def close(self) -> None:
        self._far.close()


def nothing() -> None:
    pass


@pytest.mark.parametrize("earlier", [0, 1, 2])
@pytest.mark.parametrize("when", ["before the word", "before the flag", "after both"])
def test_an_interrupt_beside_the_end_of_a_claim_is_heard_once(earlier: int, when: str) -> None:
    link: Any = SimpleNamespace(is_cluster=False)
    idling = Idling(link)
    idling.begin()
    for _ in range(earlier):
        idling.interrupt()
    bell: Any = idling._bell
    assert bell is not None
    pid, near, far = bell
    before = idling.end if when == "before the word" else nothing
    after = idling.end if when == "before the flag" else nothing
    idling._bell = pid, near, Far(far, before, after)  # type: ignore[assignment]
    idling.interrupt()
    if when == "after both":
        idling.end()
        assert not idling.is_interrupted()
    else:
        assert idling.is_interrupted()  # so the next claim returns at once,
        idling.end()  # and at its end
    with contextlib.suppress(BlockingIOError):
        pytest.fail(f"left behind: {near.recv(4096)!r}")
    assert not idling.is_interrupted()
    idling.close()
