"""How a claim that found nothing sleeps on a Redis server, and what wakes it.

It waits for a token on keys beside the queues, never for a job: an answer that is lost on the way
takes nothing with it. Whoever brings work leaves a token, and who takes one looks.
"""

import contextlib
import math
import os
import random
import socket
import time
from collections.abc import Sequence

from django_convoy.clients.redis_link import UNANSWERED, Link, poll_of
from django_convoy.domain.errors import BrokerUnavailable

LONGEST = 10.0
"""Seconds between two looks of a worker that is idle, spread by a quarter; a net, since it is
woken. The scripts' HORIZON."""
FIRST = 0.25
"""Seconds between its first two looks; then twice as many, and so on."""
UNWATCHED = 1.0
"""The most where there is nothing that it could wait for: several queues of a cluster by name."""
LATE = 5.0
"""Seconds after which a server that should have answered is taken to be gone."""


class Idling:
    """One claimer's sleep."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._pause = FIRST
        self._interrupted = False
        self._bell: tuple[int, socket.socket, socket.socket] | None = None

    def interrupt(self) -> None:
        """End the sleep, or the next one. Called from a signal handler, or another thread."""
        self._interrupted = True
        if self._bell is not None and self._bell[0] == os.getpid():
            with contextlib.suppress(OSError):
                self._bell[2].send(b"!")

    def begin(self) -> None:
        """From here on an interrupt is heard, also between a look and the sleep."""
        self._ear()

    def end(self) -> None:
        """Forget that there was an interrupt."""
        self._interrupted = False
        if self._bell is not None:
            with contextlib.suppress(OSError):
                self._ear().recv(4096)

    def is_interrupted(self) -> bool:
        """Whether somebody interrupted since the last end."""
        return self._interrupted

    def found(self) -> None:
        """Begin to look often again."""
        self._pause = FIRST

    def wait(self, keys: Sequence[str], due: float | None, deadline: float) -> str:
        """Sleep until there is a token, and return its queue, or "" when it is time to look.

        keys: where tokens come. due: seconds until something falls due.
        """
        left = deadline - time.monotonic()
        pause = min(self._pause * random.uniform(0.75, 1.0), left)  # noqa: S311 - spread
        self._pause = min(self._pause * 2, LONGEST)
        if not keys or (self._link.is_cluster and len(keys) > 1):
            poll_of(self._ear())(max(0.0, min(pause, UNWATCHED, math.inf if due is None else due)))
            return ""
        if due is not None and due < pause:
            # The server looks at timeouts ten times a second; we know the moment.
            return self._block(keys, pause + 1, due, late=False)
        return self._block(keys, pause, pause + LATE, late=True)

    def _block(self, keys: Sequence[str], timeout: float, patience: float, late: bool) -> str:
        command = ("BLPOP", *keys, f"{max(timeout, 0.01):.3f}")
        answer = self._link.await_answer(keys[0], command, self._ear(), patience)
        if answer is UNANSWERED:
            if late and not self._interrupted:
                self._link.outages += 1
                raise BrokerUnavailable(f"{self._link.place.name}: no answer for {patience:.1f} s")
            return ""
        return "" if answer is None else str(answer[1].decode("utf-8", "replace"))

    def _ear(self) -> socket.socket:
        pid = os.getpid()
        if self._bell is None or self._bell[0] != pid:
            near, far = socket.socketpair()
            near.setblocking(False)
            far.setblocking(False)
            self._bell = pid, near, far
        return self._bell[1]

    def close(self) -> None:
        """Give back what it sleeps on."""
        if self._bell is not None:
            self._bell[1].close()
            self._bell[2].close()
        self._bell = None
