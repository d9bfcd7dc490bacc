"""The Redis broker keeps a broker's promises, on the newest Valkey and the oldest Redis."""

import os
from collections.abc import Iterable
from typing import Any, ClassVar

import pytest
import redis

from django_convoy.brokers.redis import RedisBroker
from django_convoy.brokers.redis_jobs import write_body
from django_convoy.brokers.redis_once import RedisOnceBroker
from django_convoy.contracts.broker import Broker
from django_convoy.domain import ids
from django_convoy.domain.envelope import Envelope
from django_convoy.testing.conformance.broker import BrokerConformance


class RedisConformance(BrokerConformance):
    """Garbage comes from whoever may write to the keys."""

    server = "CONVOY_TEST_VALKEY"

    @property
    def url(self) -> str:
        return os.environ[self.server]

    def make(self) -> Broker:
        return RedisBroker(url=self.url)

    def spoil(self, queue: str, kind: str) -> None:
        cut_off = write_body(self.envelope(queue=queue))[:50]
        bodies = {"garbage": b"\xff\0", "truncated": cut_off, "foreign": "0 {}", "empty": ""}
        job_id, keys = ids.job_id(), f"convoy:{{{queue}}}"
        with redis.Redis.from_url(self.url, protocol=2) as client:
            client.hset(f"{keys}:jobs", job_id, bodies[kind])
            client.zadd(f"{keys}:ready", {job_id: 0})


@pytest.mark.valkey
class TestValkey(RedisConformance):
    pass


@pytest.mark.redis62
class TestRedis62(RedisConformance):
    server = "CONVOY_TEST_REDIS62"


@pytest.mark.valkey
class TestAtMostOnce(RedisConformance):
    def make(self) -> Broker:
        return RedisOnceBroker(url=self.url)


class FromTheList(Broker):
    """A broker to which jobs come as from sites, onto the list of those that are in no order yet:
    each is new, until it is pushed again."""

    _seen: ClassVar[set[str]] = set()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.appends = True

    def push(self, envelopes: Iterable[Envelope]) -> None:
        jobs = list(envelopes)
        if jobs and self._seen.isdisjoint(one.id for one in jobs):
            self.push_new(jobs)
        else:
            super().push(jobs)  # type: ignore[safe-super]

    def push_new(self, envelopes: Iterable[Envelope]) -> None:
        jobs = list(envelopes)
        self._seen.update(one.id for one in jobs)
        super().push_new(jobs)


class ListedBroker(FromTheList, RedisBroker):
    pass


class ListedOnceBroker(FromTheList, RedisOnceBroker):
    pass


class ListedConformance(RedisConformance):
    def make(self) -> Broker:
        return ListedBroker(url=self.url)

    def spoil(self, queue: str, kind: str) -> None:
        cut_off = f"{ids.job_id()} {write_body(self.envelope(queue=queue))[:50]}"
        entries = {"garbage": b"\xff\0", "truncated": cut_off, "foreign": "a 0 {}", "empty": ""}
        with redis.Redis.from_url(self.url, protocol=2) as client:
            client.rpush(f"convoy:{{{queue}}}:incoming", entries[kind])


@pytest.mark.valkey
class TestListed(ListedConformance):
    pass


@pytest.mark.redis62
class TestListed62(ListedConformance):
    server = "CONVOY_TEST_REDIS62"


@pytest.mark.valkey
class TestListedAtMostOnce(ListedConformance):
    def make(self) -> Broker:
        return ListedOnceBroker(url=self.url)


@pytest.mark.valkey
class TestCluster(RedisConformance):
    @pytest.fixture(autouse=True)
    def nodes(self, cluster: str) -> None:
        self.cluster = cluster

    def make(self) -> Broker:
        return RedisBroker(url=self.cluster, cluster=True)

    @property
    def url(self) -> str:
        return self.cluster
