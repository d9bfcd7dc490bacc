"""Workers on MariaDB: kills, restarts, a frozen server, a network that is cut."""

from pathlib import Path

import pytest

from tests.worker.fire import DatabaseUnderFire
from tests.worker.mariadb import Server

pytestmark = pytest.mark.mariadb


class TestUnderFire(DatabaseUnderFire):
    def server(self, folder: Path) -> Server:
        return Server(folder)
