"""A broker or store of one's own, by its path; what is wrong with it is one sentence."""

import os
import sys
from urllib.parse import urlsplit

import pytest
from django.utils.module_loading import import_string

from django_convoy import ConfigurationError, InvalidOption, task
from django_convoy.assembly import Memory, make_broker
from django_convoy.brokers import BROKERS
from django_convoy.brokers.database import DatabaseBroker
from django_convoy.brokers.memory import MemoryBroker
from django_convoy.brokers.postgres import PostgresBroker
from django_convoy.brokers.redis import RedisBroker
from django_convoy.contracts.broker import Broker
from django_convoy.db.session import PrivateSession, Session
from django_convoy.domain import ids
from django_convoy.framework import TaskResultDoesNotExist, task_backends
from django_convoy.runtime import runtime_of
from django_convoy.stores import STORES
from django_convoy.stores.database import DatabaseStore
from tests.api.tasks import add
from tests.databases import on_each_database
from tests.limited import BlindBroker
from tests.working import work

HERE = __name__


class ShopBroker(BlindBroker):
    def __init__(self, host, port=80, *, tls=False):
        super().__init__()
        if port == 0:
            raise ValueError("port 0 is no port")
        if port == 1:
            raise ConfigurationError("port 1 is taken")
        self.place = host, port, tls


class OpenBroker(BlindBroker):
    def __init__(self, **options):
        super().__init__()
        self.options = options


class HalfBroker(Broker):
    def push(self, envelopes):
        """All that it can do."""


class SilentBroker(BlindBroker):
    capabilities = None


class TableBroker(DatabaseBroker):
    def __init__(self, session, color="red"):
        super().__init__(session)
        self.color = color


class ServerBroker(PostgresBroker):
    pass


class OwnMemoryBroker(MemoryBroker):
    def __init__(self, world, size=3):
        super().__init__(world)
        self.size = size


class OwnStore(DatabaseStore):
    pass


@pytest.fixture
def use(settings):
    def use(name, store=None, **options):
        broker = {"name": f"{HERE}.{name}", **options}
        backend = "django_convoy.backend.ConvoyBackend"
        given = {"broker": broker} | ({"store": store} if store else {})
        settings.TASKS = {"default": {"BACKEND": backend, "QUEUES": [], "OPTIONS": given}}
        return runtime_of("default").shared.broker

    return use


def test_its_options_are_those_of_its_init(use):
    assert use("ShopBroker", host="h", tls=True).place == ("h", 80, True)
    assert use("OpenBroker", a=1, b=2).options == {"a": 1, "b": 2}


def test_one_of_memory_sees_what_all_of_its_backend_see(use):
    broker = use("OwnMemoryBroker", size=9)
    assert broker.size == 9
    add.enqueue(1)
    other = runtime_of("default").private().broker
    assert len(other.claim(["default"], limit=9, lease=60, worker="w")) == 1


@on_each_database
def test_one_of_a_database_gets_its_session_and_is_worked_on(use, alias):
    broker = use("TableBroker", alias=alias, color="blue", store=f"{HERE}.OwnStore")
    assert (broker.color, broker.capabilities.transactional) == ("blue", alias)
    pair = runtime_of("default").private()
    assert type(pair.store) is OwnStore
    assert pair.together
    assert type(pair.broker.session) is PrivateSession
    assert type(broker.session) is Session
    result = add.enqueue(1, 2)
    assert work() == [result.id]
    assert add.get_result(result.id).return_value == 3


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("ShopBroker", {}, "ShopBroker needs the option 'host'"),
        ("ShopBroker", {"host": 1, "prt": 2}, "unknown option 'prt'; did you mean 'port'?"),
        ("ShopBroker", {"host": 1, "port": 0}, "ValueError: port 0 is no port"),
        ("ShopBroker", {"host": 1, "port": 1}, ": port 1 is taken"),
        ("SilentBroker", {}, "give it `capabilities = Capabilities(...)`"),
        ("HalfBroker", {}, "is not complete: it has no claim, counts, purge, renew, settle"),
        ("TableBroker", {"alias": "x"}, "there is no database 'x'"),
        ("TableBroker", {"colour": "x"}, "did you mean 'color'?"),
        ("TableBroker", {"listen": True}, "listen is for PostgreSQL with psycopg 3"),
        ("ServerBroker", {}, "ServerBroker is for PostgreSQL with psycopg 3"),
        ("OwnMemoryBroker", {"world": 1}, "unknown option 'world'; there are: name, size"),
        ("OwnStore", {}, "is not a django_convoy.contracts.broker.Broker"),
        ("add", {}, "is not a django_convoy.contracts.broker.Broker"),
        ("nothing", {}, "does not define"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_sentence(use, name, options, words):
    with pytest.raises(ConfigurationError) as caught:
        use(name, **options)
    told = str(caught.value)
    assert told.startswith("TASKS['default']['OPTIONS']: ")
    assert words in told
    assert "__init__()" not in told
    (message,) = task_backends["default"].check()
    assert message.msg == told


def test_a_module_that_is_broken_is_named(use, settings, tmp_path, monkeypatch):
    (tmp_path / "broken_brokers.py").write_text("import django\n1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    options = {"broker": "broken_brokers.Broker"}
    backend = "django_convoy.backend.ConvoyBackend"
    settings.TASKS = {"default": {"BACKEND": backend, "OPTIONS": options}}
    (message,) = task_backends["default"].check()
    assert "broken_brokers.Broker cannot be imported: ZeroDivisionError" in message.msg


# Of each that comes with Convoy a trivial subclass


def servers():
    """What the brokers need to be told, each where its server is."""
    valkey, mongodb = os.environ.get("CONVOY_TEST_VALKEY"), os.environ.get("CONVOY_TEST_MONGODB")
    ironmq, prefix = urlsplit(os.environ.get("CONVOY_TEST_IRONMQ", "")), f"own-{ids.token()[:9]}"
    keys = {"region": "eu-west-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return {
        "postgres": {"alias": "postgres"},
        "redis": {"url": valkey, "prefix": prefix},
        "redis-once": {"url": valkey, "prefix": prefix},
        "mongodb": {"uri": mongodb, "database": prefix},
        "sqs": {
            "endpoint_url": os.environ.get("CONVOY_TEST_SQS"),
            "prefix": prefix,
            "wait": 1,
            **keys,
        },
        "ironmq": {
            "host": ironmq.hostname,
            "port": ironmq.port,
            "protocol": "http",
            "project_id": prefix,
            "token": "token",
        },
        "disque": {"nodes": os.environ.get("CONVOY_TEST_DISQUE")},
    }


MARKS = {"redis": "valkey", "redis-once": "valkey"}
NEEDED = {"postgres", "redis", "redis-once", "mongodb", "sqs", "ironmq", "disque"}


def each_of(known):
    return [
        pytest.param(
            name,
            marks=[
                pytest.mark.django_db(transaction=True, databases=["default", "postgres"])
                if name == "postgres"
                else pytest.mark.django_db(transaction=True),
                *([getattr(pytest.mark, MARKS.get(name, name))] if name in NEEDED else []),
            ],
        )
        for name in known
    ]


@pytest.fixture
def derive(monkeypatch):
    """Make a class of one of Convoy's, with an `__init__` as its parent's; return its path."""

    def derive(path, **also):
        parent = import_string(path)
        name = f"Own{parent.__name__}"
        made = type(name, (parent,), {"__module__": HERE, **also})
        monkeypatch.setattr(sys.modules[HERE], name, made, raising=False)
        return f"{HERE}.{name}"

    return derive


@pytest.fixture
def configure(settings):
    def configure(broker, **options):
        backend = "django_convoy.backend.ConvoyBackend"
        given = {"broker": broker, "enqueue": "now", **options}
        settings.TASKS = {"default": {"BACKEND": backend, "QUEUES": [], "OPTIONS": given}}
        assert [one for one in task_backends["default"].check() if one.level >= 40] == []
        return runtime_of("default").shared

    yield configure
    runtime_of("default").shared.close()


@pytest.mark.parametrize("name", each_of(BROKERS))
def test_one_of_each_broker_works_as_its_parent_does(derive, configure, settings, name):
    settings.ROOT_URLCONF = "tests.web.urls"  # with the page of debug-web
    path = derive(BROKERS[name])
    pair = configure({"name": path, **servers().get(name, {})})
    assert type(pair.broker).__name__ == path.rpartition(".")[2]
    if name == "debug-web":
        return  # nothing waits in it
    result = add.enqueue(1, 2)
    if name != "sync":
        assert work() == [result.id]
    assert add.get_result(result.id).return_value == 3


@pytest.mark.parametrize("name", each_of(STORES))
def test_one_of_each_store_works_as_its_parent_does(derive, configure, settings, name):
    path = derive(STORES[name])
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    pair = configure("database", store={"name": path, **servers().get(name, {})})
    assert type(pair.store).__name__ == path.rpartition(".")[2]
    result = add.enqueue(1, 2)
    assert work() == [result.id]
    if name == "none":
        with pytest.raises(TaskResultDoesNotExist):
            add.get_result(result.id)
    else:
        assert add.get_result(result.id).return_value == 3


@pytest.mark.parametrize("store", ["redis", STORES["redis"]])
@pytest.mark.parametrize("name", ["redis", "redis-once"])
def test_results_are_where_ones_own_redis_broker_is(derive, configure, name, store):
    path = derive(BROKERS[name])
    far = {"name": path, "url": "redis://far:1/5", "prefix": "shop"}
    pair = configure(far, store=derive(store) if "." in store else store)
    assert pair.store.place is pair.broker.place
    assert (pair.store.place.name, pair.store.place.prefix) == (
        "Redis at far:1, database 5",
        "shop",
    )

    def init(self, color):
        RedisBroker.__init__(self, url=f"redis://{color}:1")

    path = derive(BROKERS["redis"], __init__=init)
    pair = configure({"name": path, "color": "blue"}, store="redis")
    assert pair.store.place.name == "Redis at blue:1, database 0"


def test_ones_own_redis_broker_delivers_as_its_parent_does(derive, configure):
    once, least = derive(BROKERS["redis-once"]), derive(BROKERS["redis"])
    for options in ({}, {"delivery": "at_most_once"}):
        configure({"name": once, **options})
        assert runtime_of("default").options.task == {"delivery": "at_most_once"}
        assert task()(test_ones_own_redis_broker_delivers_as_its_parent_does) is not None
    configure({"name": least, "delivery": "at_least_once"})
    assert runtime_of("default").options.task == {}
    for path, delivery, parent in (
        (least, "at_most_once", BROKERS["redis-once"]),
        (once, "at_least_once", BROKERS["redis"]),
    ):
        with pytest.raises(ConfigurationError) as caught:
            make_broker({"name": path, "delivery": delivery}, Session, Memory())
        assert str(caught.value) == f"{path}: delivery={delivery!r} is for a class made of {parent}"


@pytest.mark.django_db(transaction=True)
def test_atomic_jobs_may_have_results_in_ones_own_store_of_a_database(derive, configure):
    configure("database", store=derive(STORES["database"]))
    declared = task(atomic=True, timeout=1)(test_what_cannot_be_made_is_said_in_one_sentence)
    assert declared.policy({}).atomic
    configure("database", store=derive(STORES["memory"]))
    with pytest.raises(InvalidOption, match="needs results in the same database"):
        task(atomic=True, timeout=1)(test_what_cannot_be_made_is_said_in_one_sentence)
