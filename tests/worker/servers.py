"""Servers that a test may stop, start and freeze: by their recipe."""

import signal as signals
import time
from collections.abc import Callable
from pathlib import Path

from tests import launcher
from tests.recipes.server import Server as Recipe
from tests.recipes.server import spawn
from tests.worker.site import wait_for


class Server:
    """One server of its own. change: what is different from its recipe."""

    def __init__(
        self, name: str, folder: Path, change: Callable[[Recipe], None] = lambda recipe: None
    ) -> None:
        self._server = launcher.prepare(name, folder / name)
        change(self._server)
        launcher.start(self._server)
        launcher.wait(self._server)
        self.url = self._server.address

    def signal(self, number: signals.Signals) -> None:
        assert self._server.process is not None
        self._server.process.send_signal(number)

    def stop(self, number: signals.Signals | None = None) -> None:
        """Stop it as its recipe does, or by this signal."""
        assert self._server.process is not None
        self.signal(number or self._server.stop)
        self._server.process.wait(20)

    def start(self) -> None:
        wait_for(self._try_to_start, lambda: launcher.tail(self._server))

    def _try_to_start(self) -> bool:
        server = self._server
        server.process = spawn(server.serve(server.port), server.folder, server.own)
        while server.process.poll() is None:
            if server.ready in (server.folder / "log").read_bytes():
                return True
            time.sleep(0.05)
        return False  # after a kill, its old processes may need a moment to leave
