"""Servers that are reached in other ways than by their port: with a password, a socket, a sentinel,
in a cluster of several nodes."""

import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django_redis import get_redis_connection

from django_convoy.brokers.redis import RedisBroker
from django_convoy.clients import redis_link
from django_convoy.clients.redis_cluster import ClusterLink, open_link
from django_convoy.clients.redis_scripts import Script
from django_convoy.clients.redis_settings import place_of
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import BrokerUnavailable
from tests.redis.tls import behind_tls, self_signed
from tests.worker.redis import sentinel, with_options
from tests.worker.servers import Server
from tests.worker.site import wait_for

pytestmark = pytest.mark.valkey
Start = Callable[..., Server]
CACHE = {"BACKEND": "django_redis.cache.RedisCache"}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start servers with options of their own."""
    servers: list[Server] = []

    def begin(*options: str) -> Server:
        folder = tmp_path / str(len(servers))
        folder.mkdir()
        servers.append(Server("valkey", folder, with_options(*options)))
        return servers[-1]

    yield begin
    for server in servers:
        server.stop(signal.SIGKILL)


def works(broker: RedisBroker) -> bool:
    """Whether a job goes through."""
    job = Envelope(ids.job_id(), "q", "a.b", "{}", "1j-:x", "k", 0, clock.now())
    try:
        broker.push([job])
        leases = broker.claim(["q"], limit=9, lease=9, worker="w")
        return [one.id for one in leases] == [job.id]
    finally:
        broker.close()


def test_the_user_h_is_left_out_where_a_server_refuses_it(start: Start, caplog, monkeypatch):
    monkeypatch.setattr(redis_link, "_warned", set())
    url = start("--requirepass", "secret").url.replace("redis://", "redis://h:secret@")
    with caplog.at_level(logging.WARNING):
        assert all(works(RedisBroker(url=url)) for _ in range(2))
    assert caplog.text.count("refused the user 'h'") == 1
    assert "secret" not in caplog.text


def test_a_server_that_knows_the_user_h_is_asked_as_h(start: Start, caplog):
    server = start("--user", "h", "on", ">secret", "~*", "&*", "+@all")
    url = server.url.replace("redis://", "redis://h:secret@")
    assert works(RedisBroker(url=url))
    assert not caplog.text


@pytest.mark.parametrize("user", ["h:wrong", "me:secret", ":wrong"])
def test_a_wrong_password_is_said_at_once(start: Start, user: str):
    url = start("--requirepass", "secret").url.replace("redis://", f"redis://{user}@")
    with pytest.raises(BrokerUnavailable, match=r"Redis at 127.0.0.1:\d+.*(password|WRONGPASS)"):
        works(RedisBroker(url=url))


def test_a_unix_socket_is_a_way(start: Start, tmp_path: Path):
    path = str(tmp_path / "redis.sock")
    start("--unixsocket", path)
    assert works(RedisBroker(unix_socket_path=path))
    assert works(RedisBroker(url=f"unix://{path}"))


def test_tls_is_a_way(tmp_path: Path):
    certificate, key = self_signed(tmp_path)
    with behind_tls(os.environ["CONVOY_TEST_VALKEY"], certificate, key) as port:
        options = {"host": "localhost", "port": port, "ssl": True, "prefix": f"tls-{ids.token()}"}
        assert works(RedisBroker(ssl_ca_certs=str(certificate), **options))
        broker = RedisBroker(ssl_ca_certs=str(certificate), **options)
        assert broker.claim(["q"], limit=1, lease=9, worker="w", wait=0.4) == []
        broker.close()
        with pytest.raises(BrokerUnavailable, match="certificate verify failed"):
            works(RedisBroker(**options))


def test_a_server_that_is_a_replica_now_is_left(start: Start):
    """However its refusal comes: whoever asks next may be told of another master."""
    link = open_link(place_of(url=start().url))
    text = "return redis.call('SET', KEYS[1], 1)"
    write = Script(text, link.call("k", "SCRIPT", "LOAD", text).decode())
    link.call("k", "REPLICAOF", "127.0.0.1", "1")
    for attempt in (
        lambda: link.call("k", "SET", "k", 1),
        lambda: link.script(write, ("k",)),
        lambda: link.scripts(write, [(("k",),), (("k",),)]),
        lambda: link.atomically(write, [(("k",),), (("k",),)]),
    ):
        connection = link.connection("k")
        with pytest.raises(BrokerUnavailable, match=r"READONLY|read only"):
            attempt()
        assert connection._sock is None
    link.close()


def test_sentinels_say_who_is_the_master(start: Start, tmp_path: Path):
    master = start("--requirepass", "secret")
    watcher = sentinel(tmp_path, "jobs", master.url, password="secret")
    try:
        host, port = watcher.url.removeprefix("redis://").partition("/")[0].split(":")
        broker = RedisBroker(
            sentinels=[(host, int(port))], service_name="jobs", password="secret", db=3
        )
        assert works(broker)
        place = place_of(sentinels=[f"{host}:{port}"], service_name="nobody")
        with pytest.raises(BrokerUnavailable, match="Redis master 'nobody'"):
            open_link(place).call("k", "PING")
    finally:
        watcher.stop(signal.SIGKILL)


def test_a_cache_of_django_redis_is_a_way(start: Start, settings: Any) -> None:
    server = start("--requirepass", "secret").url
    url = server.replace("redis://", "redis://:secret@")
    options = {"CLIENT_CLASS": "django_redis.client.DefaultClient", "SOCKET_TIMEOUT": 3}
    settings.CACHES = {
        "alone": {**CACHE, "LOCATION": url, "OPTIONS": options},
        "replicated": {**CACHE, "LOCATION": [url, "redis://127.0.0.1:9"]},
        "parted": {
            **CACHE,
            "LOCATION": server,
            "OPTIONS": {"PASSWORD": "secret", "CONNECTION_POOL_KWARGS": {"max_connections": 2}},
        },
    }
    for alias in settings.CACHES:
        broker = RedisBroker(django_redis=alias, prefix=f"cache-{alias}")
        where = server.removeprefix("redis://").replace("/", ", database ")
        assert broker._link.place.name == f"Redis at {where}"
        assert works(broker)
        get_redis_connection(alias).connection_pool.disconnect()


def test_a_cache_of_django_redis_behind_sentinels_is_a_way(
    start: Start, tmp_path: Path, settings: Any
) -> None:
    master = start("--requirepass", "secret")
    watcher = sentinel(tmp_path, "jobs", master.url, password="secret")
    host, port = watcher.url.removeprefix("redis://").partition("/")[0].split(":")
    options = {
        "CLIENT_CLASS": "django_redis.client.SentinelClient",
        "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
        "SENTINELS": [(host, int(port))],
        "PASSWORD": "secret",
    }
    settings.CACHES = {"default": {**CACHE, "LOCATION": "redis://jobs/2", "OPTIONS": options}}
    try:
        broker = RedisBroker(django_redis="default")
        assert broker._link.place.name == "Redis master 'jobs', database 2"
        assert works(broker)
    finally:
        watcher.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[redis.Redis]]:
    """Two nodes that share the slots."""
    change = with_options("--cluster-enabled", "yes")
    servers = [Server("valkey", tmp_path_factory.mktemp("node"), change) for _ in range(2)]
    nodes = [redis.Redis.from_url(server.url, protocol=2) for server in servers]
    nodes[0].execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
    nodes[1].execute_command("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
    port = nodes[1].connection_pool.connection_kwargs["port"]
    nodes[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port)
    for node in nodes:
        wait_for(lambda node=node: node.cluster("info")["cluster_state"] == "ok", "a cluster")
    yield nodes
    for node, server in zip(nodes, servers, strict=True):
        node.close()
        server.stop(signal.SIGKILL)


class TestTwoNodes:
    @pytest.fixture
    def broker(self, nodes: list[redis.Redis]) -> Iterator[RedisBroker]:
        port = nodes[0].connection_pool.connection_kwargs["port"]
        broker = RedisBroker(host="127.0.0.1", port=port, cluster=True)
        yield broker
        for queue in broker.queues():
            broker.delete(queue)
        broker.close()

    def push(self, broker: RedisBroker, queues: list[str]) -> None:
        made = zip(ids.job_ids(len(queues)), queues, strict=True)
        broker.push([Envelope(i, q, "a.b", "{}", "1j-:x", "k", 0, clock.now()) for i, q in made])

    def test_queues_are_spread_over_the_nodes(
        self, broker: RedisBroker, nodes: list[redis.Redis]
    ) -> None:
        queues = [f"q{number}" for number in range(20)]
        self.push(broker, queues)
        assert sorted(broker.ready_queues()) == sorted(broker.queues()) == sorted(queues)
        assert all(node.keys("convoy:{q*}:jobs") for node in nodes)
        leases = broker.claim(queues, limit=99, lease=9, worker="w")
        assert {one.envelope.queue for one in leases} == set(queues)

    def test_slots_that_moved_are_followed(self, broker: RedisBroker) -> None:
        link = broker._link
        assert isinstance(link, ClusterLink)
        self.push(broker, ["q1"])
        owners = set(link._owners)
        assert len(owners) == 2
        for wrong in owners:
            link._owners = [wrong] * 16384
            assert broker.counts("q1").ready == 1
            assert broker.counts("q2").ready == 0

    def test_who_serves_every_queue_of_a_cluster_is_woken(self, broker: RedisBroker) -> None:
        class All:
            space = ""

            def __iter__(self) -> Iterator[str]:
                return iter(broker.ready_queues())

        assert broker.claim(All(), limit=9, lease=9, worker="w") == []
        self.push(broker, ["q7"])
        broker._queues.ring_any("q7")
        key = broker._queues.any_of("")
        assert broker._idling.wait([key], None, float("inf"), ()) == (key, "q7", None)
