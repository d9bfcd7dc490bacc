"""A broker or store of one's own, by its path; what is wrong with it is one sentence."""

import pytest

from django_convoy import ConfigurationError
from django_convoy.brokers.database import DatabaseBroker
from django_convoy.brokers.memory import MemoryBroker
from django_convoy.brokers.postgres import PostgresBroker
from django_convoy.contracts.broker import Broker
from django_convoy.db.session import PrivateSession, Session
from django_convoy.framework import task_backends
from django_convoy.runtime import runtime_of
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
