"""The MongoDB broker keeps a broker's promises, on a replica set and on a server alone."""

import os
from collections.abc import Iterator

import pytest

from django_convoy.brokers.mongodb import MongoBroker
from django_convoy.contracts.broker import Broker
from django_convoy.testing.conformance.broker import BrokerConformance
from tests.mongodb import alone

pytestmark = pytest.mark.mongodb


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with alone(tmp_path_factory.mktemp("mongodb")) as url:
        yield url


class TestReplicaSet(BrokerConformance):
    short = 0.1

    def make(self) -> Broker:
        return MongoBroker(uri=os.environ["CONVOY_TEST_MONGODB"], database="conformance")


class TestStandalone(BrokerConformance):
    short = 0.1

    @pytest.fixture(autouse=True)
    def url(self, standalone: str) -> None:
        self.standalone = standalone

    def make(self) -> Broker:
        return MongoBroker(uri=self.standalone)
