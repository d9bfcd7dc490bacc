"""Workers on PostgreSQL: kills, restarts, a frozen server, a network that is cut."""

from pathlib import Path

import pytest

from tests.worker.fire import DatabaseUnderFire
from tests.worker.postgres import Server

pytestmark = pytest.mark.postgres


class TestUnderFire(DatabaseUnderFire):
    def server(self, folder: Path) -> Server:
        server = Server(folder)
        server.url = server.database()
        return server
