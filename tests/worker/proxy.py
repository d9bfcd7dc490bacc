"""Between a site and its server: cuts one connection at its COMMIT, or counts what is asked."""

import contextlib
import re
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator

MARK = b"cut me"


class Proxy:
    """Forwards connections."""

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._server)
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        sent = bytearray()
        with client, server, contextlib.suppress(OSError):
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if ready is server:
                        client.sendall(data)
                        continue
                    sent += data
                    if not self.passes(server, data, sent):
                        return

    def passes(self, server: socket.socket, data: bytes, sent: bytearray) -> bool:
        """Hand on what a client sent; False: the connection is cut. sent: all of it until now."""
        server.sendall(data)
        return True

    def close(self) -> None:
        self._listening.close()


class Cutting(Proxy):
    """A connection that sent the mark is cut at its next COMMIT, the first time.

    delivered: whether the server still gets that COMMIT.
    """

    def __init__(self, port: int, *, delivered: bool) -> None:
        self._delivered = delivered
        self.cuts = 0
        super().__init__(port)

    def passes(self, server: socket.socket, data: bytes, sent: bytearray) -> bool:
        cut = MARK in sent and b"COMMIT" in data and not self.cuts
        if not cut or self._delivered:
            server.sendall(data)
        self.cuts += cut
        return not cut


class Counting(Proxy):
    """Counts requests by their name, which is the first group of `request`."""

    def __init__(self, port: int, request: bytes) -> None:
        self._request = re.compile(request)
        self._asked: Counter[str] = Counter()
        super().__init__(port)

    def passes(self, server: socket.socket, data: bytes, sent: bytearray) -> bool:
        last = 0
        for found in self._request.finditer(sent):
            self._asked[found[1].decode()] += 1
            last = found.end()
        del sent[: last or max(0, len(sent) - 100)]  # one may have come by half
        server.sendall(data)
        return True

    def asked(self, seconds: float) -> Counter[str]:
        """Return what is asked in the time from now on."""
        before = self._asked.copy()
        time.sleep(seconds)
        return self._asked - before


@contextlib.contextmanager
def between(port: int, *, delivered: bool) -> Iterator[Cutting]:
    """A proxy in front of a port."""
    proxy = Cutting(port, delivered=delivered)
    try:
        yield proxy
    finally:
        proxy.close()


@contextlib.contextmanager
def counting(port: int, request: bytes) -> Iterator[Counting]:
    """A proxy in front of a port."""
    proxy = Counting(port, request)
    try:
        yield proxy
    finally:
        proxy.close()
