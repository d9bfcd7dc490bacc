"""How an idle claim waits: a long poll per queue, each in a thread, and a bell.

A thread, since nothing ends a request that the server holds. What it brings when nobody waits any
more is kept for the next claim for a moment, and then given back.
"""

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KEPT_SECONDS = 1.0
"""For so long a claim may come for what a poll brought."""
Message = Mapping[str, Any]
Receive = Callable[[], Sequence[Message]]
GiveBack = Callable[[str, Sequence[Message], float], None]


@dataclass(slots=True, eq=False)
class Catch:
    """What a poll brought. received: by the clock of `time.time()`, not later than it was."""

    queue: str
    messages: Sequence[Message]
    received: float
    error: Exception | None = None


@dataclass(slots=True)
class _Shared:
    """What polls and the claim share. under_way: the queues that are being polled."""

    give_back: GiveBack
    mutex: threading.Lock = field(default_factory=threading.Lock)
    catches: list[Catch] = field(default_factory=list)
    under_way: set[str] = field(default_factory=set)
    taken: threading.Condition = field(init=False)
    closed: bool = False

    def __post_init__(self) -> None:
        self.taken = threading.Condition(self.mutex)


class Polls:
    """One claimer's polls. interrupt may be called from a signal handler."""

    def __init__(self, give_back: GiveBack) -> None:
        self._give_back = give_back
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._shared = _Shared(self._give_back)
        self._interrupted = False
        self._bell: tuple[socket.socket, socket.socket] | None = None

    def _look_for_fork(self) -> None:
        if self._pid != os.getpid():
            self._begin()

    @property
    def interrupted(self) -> bool:
        """Whether somebody called `interrupt`."""
        return self._interrupted

    def interrupt(self) -> None:
        """End `rest`, or the next one."""
        self._interrupted = True
        self._ring()

    def forget(self) -> None:
        """The claim is over, and so is what interrupted it."""
        self._interrupted = False

    def begin(self, queue: str, receive: Receive) -> None:
        """Poll a queue, unless that is under way."""
        self._look_for_fork()
        with self._shared.mutex:
            if queue in self._shared.under_way:
                return
            self._shared.under_way.add(queue)
        threading.Thread(
            target=self._poll, args=(self._shared, queue, receive), name="sqs-poll", daemon=True
        ).start()

    def rest(self, seconds: float) -> None:
        """Sleep until a poll brings something, or somebody interrupts."""
        self._look_for_fork()
        if self._bell is None:
            self._bell = socket.socketpair()
            for end in self._bell:
                end.setblocking(False)
        if self._interrupted or self._shared.catches:
            return
        if select.select([self._bell[0]], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                self._bell[0].recv(4096)

    def take(self) -> list[Catch]:
        """Return what polls brought."""
        self._look_for_fork()
        shared = self._shared
        if not shared.catches:
            return []
        with shared.mutex:
            catches = shared.catches[:]
            shared.catches.clear()
            shared.taken.notify_all()
        return catches

    def close(self) -> None:
        """Give back what nobody took. Polls that are under way will do so when they end."""
        if self._pid != os.getpid():
            return
        shared, bell = self._shared, self._bell
        with shared.mutex:
            shared.closed = True
            shared.taken.notify_all()
            left = shared.catches[:]
            shared.catches.clear()
        self._begin()
        for catch in left:
            shared.give_back(catch.queue, catch.messages, catch.received)
        for end in bell or ():
            end.close()

    def _poll(self, shared: _Shared, queue: str, receive: Receive) -> None:
        received = time.time()
        try:
            catch = Catch(queue, receive(), received)
        except Exception as error:  # told by the claim that takes it
            catch = Catch(queue, (), received, error)
        with shared.mutex:
            shared.under_way.discard(queue)
            if not catch.messages and (catch.error is None or shared.closed):
                kept = True
            else:
                kept = not shared.closed and self._offer(shared, catch)
        if not kept:
            shared.give_back(queue, catch.messages, received)

    def _offer(self, shared: _Shared, catch: Catch) -> bool:
        """Wait until a claim took it; False: none came."""
        shared.catches.append(catch)
        self._ring()
        end = time.monotonic() + KEPT_SECONDS
        while catch in shared.catches:
            left = end - time.monotonic()
            if left <= 0:
                shared.catches.remove(catch)
                return False
            shared.taken.wait(left)
        return True

    def _ring(self) -> None:
        if self._bell is not None:
            with contextlib.suppress(BlockingIOError, OSError):
                self._bell[1].send(b"!")
