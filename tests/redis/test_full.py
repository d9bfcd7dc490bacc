"""A server without memory refuses jobs, and hands out those that it has."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from django_convoy.brokers.redis import RedisBroker
from django_convoy.brokers.redis_once import RedisOnceBroker
from django_convoy.contracts.broker import Counts
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import DONE
from tests.worker.servers import Server

KINDS = [pytest.param(kind, marks=getattr(pytest.mark, kind)) for kind in ("valkey", "redis62")]


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    server = Server(request.param, tmp_path)
    yield server
    server.stop()


@pytest.mark.parametrize("kind", [RedisBroker, RedisOnceBroker])
@pytest.mark.parametrize("urgent", [0, 1], ids=["the list", "the list and the set"])
def test_a_full_server_refuses_jobs_and_hands_out_what_it_has(
    server: Server, kind: type[RedisBroker], urgent: int
) -> None:
    def new(count: int, priority: int = 0) -> list[Envelope]:
        made, now = ids.job_ids(count), clock.now()
        return [Envelope(one, "q", "a.b", "{}", "1j-:x", "k", priority, now) for one in made]

    broker = kind(url=server.url)
    broker.push_new(new(30))
    broker.push(new(urgent, priority=5))
    broker.push_new(new(30))
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(BrokerUnavailable, match="maxmemory") as refused:
            broker.push_new(new(1))
        assert not refused.value.arrived
        with pytest.raises(BrokerUnavailable, match="maxmemory"):
            broker.push(new(1))
        assert broker.counts("q") == Counts(ready=60 + urgent)
        assert broker.find(ids.job_id()) is None
        assert len(list(broker.jobs(limit=9))) == 9
        seen = 0
        while leases := broker.claim(["q"], limit=7, lease=60, worker="w"):
            seen += len(leases)
            assert set(broker.renew(leases, lease=60)) == {Renewal.HELD}
            broker.settle([(lease, DONE) for lease in leases])
        assert seen == 60 + urgent
        assert broker.counts("q") == Counts()
    broker.close()
