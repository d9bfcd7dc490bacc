"""Brokers of a project of the test's own, on the run's server."""

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from django_convoy.brokers.ironmq import IronMQBroker
from django_convoy.brokers.ironmq_client import Client
from django_convoy.domain import ids


class Impatient(IronMQBroker):
    shortest_lease = 1


@pytest.fixture
def make() -> Iterator[Callable[..., IronMQBroker]]:
    parts = urlsplit(os.environ["CONVOY_TEST_IRONMQ"])
    where = {"host": parts.hostname, "port": parts.port, "protocol": "http"}
    project = ids.token()
    made: list[IronMQBroker] = []

    def build(**options: Any) -> IronMQBroker:
        given = {**where, "project_id": project, "token": "token", **options}
        made.append(Impatient(**given))
        return made[-1]

    yield build
    for broker in made:
        broker.close()


@pytest.fixture
def broker(make: Callable[..., IronMQBroker]) -> IronMQBroker:
    return make()


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Any]]:
    """What is sent from now on."""
    sent: list[tuple[str, str, Any]] = []
    begin = Client.begin

    def noted(self: Client, method: str, path: str, body: Any = None, **options: Any) -> Any:
        sent.append((method, path, body))
        return begin(self, method, path, body, **options)

    monkeypatch.setattr(Client, "begin", noted)
    return sent
