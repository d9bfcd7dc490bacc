"""The MongoDB broker keeps a broker's promises, on a replica set and on a server alone."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from bson import Binary, Regex
from pymongo import MongoClient

from django_convoy.brokers.mongodb import MongoBroker
from django_convoy.contracts.broker import Broker
from django_convoy.testing.conformance.broker import BrokerConformance
from tests.mongodb import alone

pytestmark = pytest.mark.mongodb
SPOILED: dict[str, dict[str, Any]] = {
    "garbage": {"seal": Regex("("), "payload": Binary(b"\xff\0")},
    "truncated": {"task": "shop.tasks.ship", "payload": '{"args":[1],'},
    "foreign": {"order": 7, "note": ["not", "ours"]},
    "empty": {},
}


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with alone(tmp_path_factory.mktemp("mongodb")) as url:
        yield url


class MongoConformance(BrokerConformance):
    """Garbage comes from whoever may write to the collection."""

    short = 0.1
    url: str

    def make(self) -> Broker:
        return MongoBroker(uri=self.url, database="conformance")

    def spoil(self, queue: str, kind: str) -> None:
        sound = {"state": "ready", "queue": queue, "priority": 0}
        with MongoClient(self.url) as client:
            client["conformance"]["convoy_jobs"].insert_one({**sound, **SPOILED[kind]})


class TestReplicaSet(MongoConformance):
    @pytest.fixture(autouse=True)
    def server(self) -> None:
        self.url = os.environ["CONVOY_TEST_MONGODB"]


@pytest.mark.slow
class TestStandalone(MongoConformance):
    """What differs is how idle workers learn of jobs, and whether writes are repeated."""

    @pytest.fixture(autouse=True)
    def server(self, standalone: str) -> None:
        self.url = standalone
