"""Workers on Redis: kills, restarts and a frozen server; waiting without polling; at most once."""

import collections
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from django_convoy.brokers.redis_idling import LONGEST
from tests.worker.fire import UnderFire
from tests.worker.redis import DURABLE, with_options
from tests.worker.servers import Server
from tests.worker.site import Site, Tree, kill, wait_for

pytestmark = pytest.mark.valkey
SOON = LONGEST / 4
"""Seconds: sooner than any look of a worker that has been idle for long."""


class TestUnderFire(UnderFire):
    kill_jobs = 20_000

    def server(self, folder: Path) -> Server:
        return Server("valkey", folder, with_options(*DURABLE))

    def broker(self, url: str) -> dict[str, Any]:
        return {"name": "redis", "url": url}
