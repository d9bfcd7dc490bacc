"""Workers on MariaDB: kills, restarts, a frozen server, a network that is cut."""

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.worker.fire import UnderFire
from tests.worker.mariadb import Server
from tests.worker.site import Site

pytestmark = pytest.mark.mariadb


class TestUnderFire(UnderFire):
    tells = False  # jobs and reports are in the same database

    @pytest.fixture
    def own(self) -> Iterator[Server]:
        folder = Path(tempfile.mkdtemp(prefix="convoy-mariadb-"))
        folder.chmod(0o711)  # the server may be another user's
        server = Server(folder)
        yield server
        server.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)

    def site(self, make_site: Callable[..., Site], url: str) -> Site:
        site = make_site(database=url, options=self.options)
        site.run("migrate", "--verbosity", "0")
        return site
