"""Which server options name, and what is said of those that cannot work."""

import sys
import types

import pytest
import redis
from redis.backoff import NoBackoff

from django_convoy.brokers import BROKERS
from django_convoy.clients.redis_settings import TIMEOUT, place_of
from django_convoy.conf import SettingsError
from django_convoy.domain.errors import ConfigurationError
from django_convoy.runtime import Runtime

SEEDS_DEFAULTS = {
    "host": "localhost",
    "port": 6379,
    "db": 0,
    "password": None,
    "socket_timeout": None,
    "charset": "utf-8",
    "errors": "strict",
    "unix_socket_path": None,
}
"""As django-q documents them."""


def refused(**options):
    with pytest.raises(ConfigurationError) as caught:
        place_of(**options)
    return str(caught.value)


def test_nothing_needs_to_be_said():
    place = place_of()
    assert place.name == "Redis at localhost:6379, database 0"
    assert place.prefix == "convoy"
    assert place.connection is redis.Connection


def test_the_dict_of_older_queues_is_taken_as_it_is():
    assert place_of(**SEEDS_DEFAULTS) == place_of()


@pytest.mark.parametrize("url", ["redis://h/0", "rediss://h/0", "unix:///run/redis"])
def test_a_url_is_taken_with_the_older_names_too(url):
    url += "?charset=latin-1&errors=replace&client_name=a%20b%2520"
    place = place_of(url=url)
    kwargs = place.connection(**place.kwargs)
    assert (kwargs.encoder.encoding, kwargs.encoder.encoding_errors) == ("latin-1", "replace")
    assert place.kwargs["client_name"] == "a b%20"


def test_a_url_names_all():
    place = place_of(url="redis://me:secret@example.com:6380/3")
    assert place.name == "Redis at example.com:6380, database 3"
    assert (place.kwargs["username"], place.kwargs["password"]) == ("me", "secret")


def test_a_password_is_never_shown():
    place = place_of(url="redis://me:secret@example.com:6380/3")
    assert "secret" not in f"{place!r} {place.name}"


def test_no_command_is_sent_twice_and_no_server_is_waited_for_without_end():
    for options in ({}, SEEDS_DEFAULTS, {"url": "redis://h/0?socket_timeout=0"}):
        kwargs = place_of(**options).kwargs
        assert kwargs["retry"].get_retries() == 0
        assert isinstance(kwargs["retry"]._backoff, NoBackoff)
        assert kwargs["socket_timeout"] == kwargs["socket_connect_timeout"] == TIMEOUT
        assert kwargs["decode_responses"] is False
        assert kwargs["protocol"] == 2
        assert not [name for name in kwargs if "maint" in name]


def test_tls_and_unix_sockets_are_ways_to_connect():
    assert place_of(url="rediss://example.com").connection is redis.SSLConnection
    place = place_of(host="example.com", ssl=True, ssl_ca_certs="/etc/ca.pem")
    assert place.connection is redis.SSLConnection
    assert place.kwargs["ssl_ca_certs"] == "/etc/ca.pem"
    for options in ({"unix_socket_path": "/run/redis"}, {"url": "unix:///run/redis?db=2"}):
        place = place_of(**options)
        assert place.connection is redis.UnixDomainSocketConnection
        assert place.name.startswith("Redis at /run/redis, database ")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"hots": "x"}, "unknown option 'hots'; did you mean 'host'?"),
        ({"pasword": "x"}, "did you mean 'password'?"),
        ({"charst": "x"}, "did you mean 'charset'?"),
        ({"decode_responses": True}, "decode_responses: Convoy decides this itself; leave it out"),
        ({"max_connections": 9}, "max_connections: Convoy decides this itself"),
        ({"retry_on_timeout": True}, "retry_on_timeout: Convoy decides this itself"),
        ({"url": "redis://h?max_connections=9"}, "url: max_connections: Convoy decides this"),
        ({"url": "redis://h?retry_on_timeout=1"}, "url: retry_on_timeout: Convoy decides this"),
        ({"url": "redis://h?protocol=3"}, "url: protocol: Convoy decides this"),
        ({"url": "redis://h?charst=utf-8"}, "url: unknown option 'charst'; did you mean 'charset'"),
        ({"url": "redis://h?prefix=x"}, "url: unknown option 'prefix'"),
        ({"url": "redis://h?ssl_ca_certs=x"}, "Redis cannot be reached so: "),
        ({"url": "redis://h?db=x"}, "Redis cannot be reached so: "),
        ({"url": "http://example.com"}, "Redis cannot be reached so"),
        ({"url": "redis://h?nonsense=1", "prefix": "x y"}, "prefix='x y'"),
        ({"prefix": "a{b}"}, "use letters, digits"),
        ({"url": 7}, "url must be text"),
        ({"startup_nodes": "a:1"}, "nodes are a list"),
        ({"cluster": True, "db": 2}, "a Redis Cluster has one database"),
        ({"sentinels": ["a:1"]}, "sentinels need service_name"),
        ({"django_redis": "default", "host": "x"}, "django_redis says all: leave out host"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(options, told):
    assert told in refused(**options)


def test_nodes_of_a_cluster_are_named_in_any_way():
    nodes = (("a", 1), ("b", 2), ("c", 6379))
    place = place_of(startup_nodes=["a:1", ("b", 2), {"host": "c"}], password="secret")
    assert place.nodes == nodes
    assert place.name == "Redis Cluster at a:1, b:2, c:6379"
    assert place.kwargs["password"] == "secret"
    assert place_of(url="redis://a:1", cluster=True).nodes == (("a", 1),)


def test_a_django_redis_cache_lends_its_way_to_connect(monkeypatch):
    asked = []

    def get_redis_connection(alias):
        asked.append(alias)
        return redis.Redis.from_url("redis://cache:1/4", decode_responses=True)

    module = types.ModuleType("django_redis")
    module.get_redis_connection = get_redis_connection
    monkeypatch.setitem(sys.modules, "django_redis", module)
    place = place_of(django_redis="sessions", prefix="jobs")
    assert asked == ["sessions"]
    assert (place.name, place.prefix) == ("Redis at cache:1, database 4", "jobs")
    assert place.kwargs["decode_responses"] is False
    assert place.kwargs["retry"].get_retries() == 0


def test_a_cache_of_another_kind_is_refused(monkeypatch):
    def get_redis_connection(alias):
        raise NotImplementedError("This backend does not support this feature")

    module = types.ModuleType("django_redis")
    module.get_redis_connection = get_redis_connection
    monkeypatch.setitem(sys.modules, "django_redis", module)
    assert "none of django-redis" in refused(django_redis="default")


def test_a_cache_that_is_not_there_is_refused_with_those_that_are(settings):
    backend = "django_redis.cache.RedisCache"
    settings.CACHES = {name: {"BACKEND": backend, "LOCATION": "redis://h"} for name in ("a", "b")}
    told = refused(django_redis="c")
    assert told == "django_redis='c': unknown cache 'c'; there are: a, b"


def test_a_cache_that_cannot_be_made_is_refused_as_django_redis_says(settings):
    options = {"CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory"}
    cache = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://h"}
    settings.CACHES = {"default": {**cache, "OPTIONS": options}}
    assert "SENTINELS must be provided" in refused(django_redis="default")


def test_without_django_redis_its_option_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "django_redis", None)
    assert "needs the package django-redis" in refused(django_redis="default")


def test_without_the_client_the_broker_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if "redis" in name and "django_convoy" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(SettingsError, match=r'pip install "django-convoy\[redis\]"'):
        Runtime("default", {"OPTIONS": {"broker": {"name": "redis"}}})


def runtime(broker, **options):
    return Runtime("default", {"OPTIONS": {"broker": {"name": "redis", **broker}, **options}})


def test_an_unknown_delivery_is_refused():
    with pytest.raises(SettingsError, match="did you mean 'at_most_once'"):
        runtime({"delivery": "at_most_onec"})


def test_at_most_once_is_what_all_tasks_are_delivered():
    made = runtime({"delivery": "at_most_once"}, task={"timeout": 3})
    assert made.options.task == {"timeout": 3.0, "delivery": "at_most_once"}
    assert not made.shared.broker.capabilities.leases
    assert type(made.shared.broker).__name__ == BROKERS["redis-once"].rpartition(".")[2]
    assert runtime({"delivery": "at_least_once"}).options.task == {}


def test_results_are_kept_on_the_brokers_server_unless_another_is_named():
    pair = runtime({"url": "redis://a:1/2", "prefix": "p"}, store="redis").shared
    assert pair.store.place == pair.broker._link.place
    assert pair.together
    for elsewhere in ({"url": "redis://a:1/3", "prefix": "p"}, {"url": "redis://a:1/2"}):
        store = {"name": "redis", **elsewhere}
        assert not runtime({"url": "redis://a:1/2", "prefix": "p"}, store=store).shared.together


def test_results_may_be_there_alone():
    made = Runtime("default", {"OPTIONS": {"store": {"name": "redis", "url": "redis://a:1/2"}}})
    assert made.shared.store.place.name == "Redis at a:1, database 2"
    assert not made.shared.together
