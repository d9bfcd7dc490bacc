"""The Redis broker keeps a broker's promises, on the newest Valkey and the oldest Redis."""

import os

import pytest

from django_convoy.brokers.redis import RedisBroker
from django_convoy.brokers.redis_once import RedisOnceBroker
from django_convoy.contracts.broker import Broker
from django_convoy.testing.conformance.broker import BrokerConformance


@pytest.mark.valkey
class TestValkey(BrokerConformance):
    def make(self) -> Broker:
        return RedisBroker(url=os.environ["CONVOY_TEST_VALKEY"])


@pytest.mark.redis62
class TestRedis62(BrokerConformance):
    def make(self) -> Broker:
        return RedisBroker(url=os.environ["CONVOY_TEST_REDIS62"])


@pytest.mark.valkey
class TestAtMostOnce(BrokerConformance):
    def make(self) -> Broker:
        return RedisOnceBroker(url=os.environ["CONVOY_TEST_VALKEY"])


@pytest.mark.valkey
class TestCluster(BrokerConformance):
    @pytest.fixture(autouse=True)
    def url(self, cluster: str) -> None:
        self._url = cluster

    def make(self) -> Broker:
        return RedisBroker(url=self._url, cluster=True)
