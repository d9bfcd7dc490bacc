"""A PostgreSQL that a test may stop and start."""

import signal
import time
from pathlib import Path

import pytest

from tests import launcher
from tests.recipes.server import spawn
from tests.worker.site import wait_for


def run_statement(url: str, statement: str) -> None:
    """Run one statement on a server."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


class Server:
    """A PostgreSQL that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self._server = launcher.prepare("postgres", folder / "postgres")
        launcher.start(self._server)
        launcher.wait(self._server)
        self.url = self._server.url.format(port=self._server.port)

    def database(self) -> str:
        """Make a database that keeps what it committed; return its URL."""
        run_statement(self.url, "CREATE DATABASE site")
        run_statement(self.url, "ALTER DATABASE site SET synchronous_commit = on")
        return f"{self.url.rpartition('/')[0]}/site"

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        assert self._server.process is not None
        self._server.process.send_signal(number)
        self._server.process.wait(20)

    def start(self) -> None:
        server = self._server
        wait_for(self._try_to_start, lambda: launcher.tail(server))

    def _try_to_start(self) -> bool:
        server = self._server
        server.process = spawn(server.serve(server.port), server.folder)
        while server.process.poll() is None:
            if server.ready in (server.folder / "log").read_bytes():
                return True
            time.sleep(0.05)
        return False  # after a kill, its old processes may need a moment to leave
