"""A worker on MongoDB: kills, restarts, a frozen server; and what it asks while it is idle."""

from pathlib import Path
from typing import Any

import pytest

from tests.worker.fire import UnderFire
from tests.worker.servers import Server

pytestmark = pytest.mark.mongodb


class TestUnderFire(UnderFire):
    def server(self, folder: Path) -> Server:
        return Server("mongodb", folder)

    def broker(self, url: str) -> dict[str, Any]:
        return {"name": "mongodb", "uri": url}
