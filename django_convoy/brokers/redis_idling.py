"""How a claim that found nothing sleeps on a Redis server, and what wakes it.

It waits for a token on keys beside the queues, never for a job: an answer that is lost on the way
takes nothing with it. Whoever brings work leaves a token, and who takes one looks.
"""

import contextlib
import logging
import math
import os
import random
import socket
import time
from collections.abc import Sequence
from typing import Any

from django_convoy.clients.redis_blocking import Blocking
from django_convoy.clients.redis_link import Link, Value, poll_of
from django_convoy.domain.errors import BrokerUnavailable

logger = logging.getLogger("django_convoy.brokers")
LONGEST = 10.0
"""Seconds between two looks of a worker that is idle, spread by a quarter; a net, since it is
woken. The scripts' HORIZON."""
FIRST = 0.25
"""Seconds between its first two looks; then twice as many, and so on."""
UNWATCHED = 1.0
"""The most where there is nothing that it could wait for: several queues of a cluster by name, or
a key of somebody else's."""
LATE = 5.0
"""Seconds after which a server that should have answered is taken to be gone."""


class Idling:
    """One claimer's sleep."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._blocking = Blocking(link)
        self._pause = FIRST
        self._interrupted = False
        self._complained = False
        self._bell: tuple[int, socket.socket, socket.socket] | None = None

    def interrupt(self) -> None:
        """End the sleep, or the next one. Called from a signal handler, or another thread."""
        # The word first: one that came behind its flag could outlive it, and no sleep would last.
        if self._bell is not None and self._bell[0] == os.getpid():
            with contextlib.suppress(OSError):
                self._bell[2].send(b"!")
        self._interrupted = True

    def begin(self) -> None:
        """From here on an interrupt is heard, also between a look and the sleep."""
        self._ear()

    def end(self) -> None:
        """Forget that there was an interrupt."""
        if not self._interrupted:
            return  # reading in vain would hold up what was claimed
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

    def wait(
        self, keys: Sequence[str], due: float | None, deadline: float, then: Sequence[Value]
    ) -> tuple[str, str, Any]:
        """Sleep until there is a token or it is time to look; return (where it came, its queue,
        answer); "" where there was none.

        keys: where tokens come. due: seconds until something falls due. then: a command that the
        server executes in the moment in which we are woken, if there is one: its answer comes with
        the token. None: there is no answer.
        """
        left = deadline - time.monotonic()
        pause = min(self._pause * random.uniform(0.75, 1.0), left)  # noqa: S311 - spread
        self._pause = min(self._pause * 2, LONGEST)
        if not keys or (self._link.is_cluster and len(keys) > 1):
            return self._unwatched(pause, due)
        # The server looks at timeouts ten times a second only; what falls due we know better.
        early = due is not None and due < pause
        timeout = max(pause + early, 0.01)
        commands: list[Sequence[Value]] = [("BZPOPMIN", *keys, f"{timeout:.3f}")]
        if then:
            commands.append(then)
        patience = due if early and due is not None else timeout + LATE
        found = self._blocking.answers(commands, keys[0], self._ear(), patience, late=not early)
        if not found:
            return "", "", None
        token, *others = found
        answer = None if not others or isinstance(others[0], Exception) else others[0]
        if isinstance(token, Exception):
            if "WRONGTYPE" not in str(token):
                raise BrokerUnavailable(f"{self._link.place.name}: {token}") from token
            self._complain(token)
            # What was claimed in that moment is not to wait.
            return ("", "", answer) if answer and answer[0] > 0 else self._unwatched(pause, due)
        key, queue, *_ = token or (b"", b"")
        return key.decode(), queue.decode("utf-8", "replace"), answer

    def _unwatched(self, pause: float, due: float | None) -> tuple[str, str, Any]:
        """Sleep where there is nothing to wait for."""
        poll_of(self._ear())(max(0.0, min(pause, UNWATCHED, math.inf if due is None else due)))
        return "", "", None

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            self._complained = True
            told = "a key on which idle workers wait is not ours; they look once a second: %s"
            logger.error(told, error)

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
