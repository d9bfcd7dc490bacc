"""Ends a wait on a socket from another thread or a signal handler."""

import contextlib
import os
import select
import socket
import time


class Bell:
    """Rung by `interrupt`; heard by whoever waits, or by the next one who does."""

    def __init__(self) -> None:
        self._ends: tuple[socket.socket, socket.socket] | None = None
        self._pid = 0
        self.rung = False

    def ring(self) -> None:
        """End the wait."""
        self.rung = True
        if self._ends is not None and self._pid == os.getpid():
            with contextlib.suppress(BlockingIOError):  # nobody has heard the many before
                self._ends[1].send(b"!")

    def prepare(self) -> None:
        """Be ready to be rung. Before the look whose `rung` is asked for."""
        if self._ends is None or self._pid != os.getpid():
            self._ends, self._pid = socket.socketpair(), os.getpid()
            for end in self._ends:
                end.setblocking(False)

    def wait(self, other: socket.socket, seconds: float) -> bool:
        """Wait until the other socket can be read; False: rung, or it took too long."""
        return self._wait([other], seconds)

    def rest(self, seconds: float) -> None:
        """Wait until rung."""
        self._wait([], seconds)

    def _wait(self, others: list[socket.socket], seconds: float) -> bool:
        self.prepare()
        assert self._ends is not None  # noqa: S101 - for the type checker
        end = time.monotonic() + seconds
        while not self.rung:
            left = end - time.monotonic()
            found = select.select([*others, self._ends[0]], [], [], max(0.0, left))[0]
            if self._ends[0] in found:
                self._ends[0].recv(4096)  # may be of an earlier ring: `rung` decides
            if any(other in found for other in others):
                return True
            if left <= 0:
                break
        return False

    def close(self) -> None:
        """Give back the sockets."""
        for end in self._ends or ():
            end.close()
        self._ends = None
