"""Servers that conformance tests start for themselves."""

import signal
from collections.abc import Iterator

import pytest

from tests.worker.redis import redis_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A node of Valkey that has all slots of a cluster."""
    server = redis_cluster(tmp_path_factory.mktemp("cluster"))
    yield server.url
    server.stop(signal.SIGKILL)
