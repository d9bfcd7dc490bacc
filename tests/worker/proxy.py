"""Between a site and its PostgreSQL: cuts one connection at the moment of its COMMIT."""

import contextlib
import select
import socket
import threading
from collections.abc import Iterator

MARK = b"cut me"


class Proxy:
    """Forwards connections. One that sent the mark is cut at its next COMMIT, the first time.

    delivered: whether the server still gets that COMMIT.
    """

    def __init__(self, port: int, *, delivered: bool) -> None:
        self._server = ("127.0.0.1", port)
        self._delivered = delivered
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._server)
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        marked = False
        with client, server, contextlib.suppress(OSError):
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if ready is server:
                        client.sendall(data)
                        continue
                    marked = marked or MARK in data
                    if marked and b"COMMIT" in data and not self.cuts:
                        self.cuts += 1
                        if self._delivered:
                            server.sendall(data)
                        return
                    server.sendall(data)

    def close(self) -> None:
        self._listening.close()


@contextlib.contextmanager
def between(port: int, *, delivered: bool) -> Iterator[Proxy]:
    """A proxy in front of a port."""
    proxy = Proxy(port, delivered=delivered)
    try:
        yield proxy
    finally:
        proxy.close()
