"""Between a site and a server: the network, which a test may cut or let go silent."""

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator

LOOK = 0.02
"""Seconds between two looks at what the network is to do."""
OPEN, SILENT, CUT = "open", "silent", "cut"
RESET = struct.pack("ii", 1, 0)
MARK = b"cut me"


class Proxy:
    """Forwards connections to a port of this host.

    state: OPEN; SILENT, where nothing arrives and nobody is told; CUT, where all connections are
    reset, new ones at once. Threads of its own do it, so a test just says what is to be.
    """

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self._listening.getsockname()[1]
        self.state = OPEN
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        self._rest()
        try:
            server = socket.create_connection(self._server)
        except OSError:  # as from the server itself
            reset(client)
            return
        link: dict[str, bool] = {}
        with client, server, contextlib.suppress(OSError):
            while self.state != CUT:
                for ready in select.select([client, server], [], [], LOOK)[0]:
                    self._rest()
                    data = ready.recv(65536) if self.state == OPEN else b""
                    if not data or (ready is client and not self.passes(link, data, server)):
                        break
                    (server if ready is client else client).sendall(data)
                else:
                    continue
                break
            if self.state == CUT:
                reset(client)
                reset(server)

    def _rest(self) -> None:
        while self.state == SILENT:
            time.sleep(LOOK)

    def passes(self, link: dict[str, bool], data: bytes, server: socket.socket) -> bool:
        """Whether what a client sends is forwarded; else its connection is closed. link: what is
        remembered of the connection."""
        return True

    def close(self) -> None:
        self.state = CUT
        self._listening.close()


class CommitCut(Proxy):
    """One connection that sent the mark is cut at its next COMMIT, the first time.

    delivered: whether the server still gets that COMMIT.
    """

    def __init__(self, port: int, *, delivered: bool) -> None:
        self._delivered = delivered
        self.cuts = 0
        super().__init__(port)

    def passes(self, link: dict[str, bool], data: bytes, server: socket.socket) -> bool:
        link["marked"] = link.get("marked", False) or MARK in data
        if not link["marked"] or b"COMMIT" not in data or self.cuts:
            return True
        self.cuts += 1
        if self._delivered:
            server.sendall(data)
        return False


def reset(connection: socket.socket) -> None:
    """Close it so that the other side is told at once, and loses what was under way."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    connection.close()


@contextlib.contextmanager
def between(port: int, *, delivered: bool) -> Iterator[CommitCut]:
    """A proxy in front of a port that cuts a COMMIT."""
    proxy = CommitCut(port, delivered=delivered)
    try:
        yield proxy
    finally:
        proxy.close()
