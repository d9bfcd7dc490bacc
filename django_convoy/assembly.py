"""Makes brokers and stores of what OPTIONS says; what is wrong with it becomes a sentence."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.apps import apps
from django.utils.module_loading import import_string

from django_convoy import conf
from django_convoy.brokers import BROKERS
from django_convoy.brokers.database import DatabaseBroker
from django_convoy.brokers.memory import MemoryBroker
from django_convoy.brokers.memory_world import World
from django_convoy.contracts.broker import Broker
from django_convoy.contracts.store import Store
from django_convoy.db.session import Session
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.errors import ConfigurationError, ConvoyError
from django_convoy.domain.options import AT_LEAST_ONCE, AT_MOST_ONCE
from django_convoy.domain.suggest import unknown
from django_convoy.stores import STORES
from django_convoy.stores.cache import CacheStore
from django_convoy.stores.database import DatabaseStore
from django_convoy.stores.memory import MemoryStore

T = TypeVar("T")
Options = Mapping[str, Any]
OpenSession = Callable[[str], Session]


class Memory:
    """What all brokers and stores in memory of one alias share."""

    def __init__(self) -> None:
        self.world = World()
        self.store = MemoryStore()


def make_broker(options: Options, open_session: OpenSession, memory: Memory) -> Broker:
    """Return a broker. Raises ConfigurationError."""
    given = dict(options)
    name = given.pop("name")
    kind = _delivering(name, given)
    made: Broker
    if issubclass(kind, DatabaseBroker):
        made = _database_broker(name, kind, given, open_session)
    elif issubclass(kind, MemoryBroker):
        made = _made(name, kind, (memory.world,), given)
    else:
        made = _made(name, kind, (), given)
    if not isinstance(getattr(made, "capabilities", None), Capabilities):
        raise ConfigurationError(
            f"{name} does not say what it can do: give it `capabilities = Capabilities(...)`"
        )
    return made


def make_store(
    options: conf.Options, open_session: OpenSession, alias: str, memory: Memory, broker: Broker
) -> Store:
    """Return a store for a broker. alias: the database where jobs are.

    Raises ConfigurationError.
    """
    given, retention = dict(options.store), options.retention
    name = given.pop("name")
    kind = _class(name, STORES, "store", Store)
    if issubclass(kind, MemoryStore):
        return memory.store if kind is MemoryStore and not given else _made(name, kind, (), given)
    own: tuple[Any, ...] = ()
    also: tuple[str, ...] = ()
    if issubclass(kind, DatabaseStore):
        own, also = (open_session(_text(given.pop("alias", alias), "alias")),), ("alias",)
    elif issubclass(kind, CacheStore):
        own, also = (_text(given.pop("cache", "default"), "cache"), retention), ("cache",)
    elif _derives(kind, STORES["redis"]):
        own = (retention,)
        if not given and _derives(type(broker), BROKERS["redis"]):
            given = {"place": getattr(broker, "place", None)}
    made: Store = _made(name, kind, own, given, also)
    return made


def _derives(kind: type[Any], path: str) -> bool:
    """Return whether it is this class or derived from it. By name: without its server's client
    that cannot be imported."""
    return any(f"{one.__module__}.{one.__qualname__}" == path for one in kind.__mro__)


def broker_class(name: str) -> type[Broker]:
    """Return the class that a name or a path stands for. Raises ConfigurationError."""
    found: type[Broker] = _class(name, BROKERS, "broker", Broker)
    return found


def promised(options: Any) -> Capabilities | None:
    """Return what the broker of OPTIONS['broker'] can do at most, as its class says; None where
    that cannot be known yet: nothing is opened, and no module of a site is imported early."""
    given = {"name": options} if isinstance(options, str) else options
    name = given.get("name") if isinstance(given, Mapping) else None
    if not isinstance(name, str) or not (name in BROKERS or apps.ready):
        return None
    try:
        found = getattr(_delivering(name, dict(given)), "capabilities", None)
    except ConfigurationError:
        return None  # said by the check, and when the broker is made
    return found if isinstance(found, Capabilities) else None


def is_of_database(store: Any) -> bool:
    """Return whether a store keeps results in a database, unless that cannot be known yet: True."""
    if not isinstance(store, str) or not (store in STORES or apps.ready):
        return True
    try:
        return issubclass(_class(store, STORES, "store", Store), DatabaseStore)
    except ConfigurationError:
        return True  # said when the store is made


def delivers_at_most_once(options: Any) -> bool:
    """Return whether the broker of OPTIONS['broker'] does so, whatever a task says, as far as its
    class can tell."""
    can = promised(options)
    return can is not None and not can.leases


def _delivering(name: str, options: dict[str, Any]) -> type[Broker]:
    """Return a broker's class by what it promises, which is an option of Redis only."""
    kind = broker_class(name)
    if "delivery" not in options or not _derives(kind, BROKERS["redis"]):
        return kind
    delivery = options.pop("delivery")
    if delivery not in (AT_LEAST_ONCE, AT_MOST_ONCE):
        raise ConfigurationError(unknown("delivery", str(delivery), [AT_LEAST_ONCE, AT_MOST_ONCE]))
    wanted = BROKERS["redis-once" if delivery == AT_MOST_ONCE else "redis"]
    if name == "redis":
        return broker_class("redis-once") if delivery == AT_MOST_ONCE else kind
    if kind.capabilities.leases == (delivery == AT_MOST_ONCE):
        raise ConfigurationError(f"{name}: delivery={delivery!r} is for a class made of {wanted}")
    return kind


def _class(name: str, known: Mapping[str, str], kind: str, base: type[Any]) -> type[Any]:
    if "." not in name and name not in known:
        raise ConfigurationError(unknown(kind, name, known) + " (or the path of a class)")
    try:
        found = import_string(known.get(name, name))
    except ConvoyError:
        raise  # a client that is not installed
    except Exception as error:  # whatever a module of the site's raises
        raise ConfigurationError(
            f"{kind} {name} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ConfigurationError(f"{name} is not a {base.__module__}.{base.__qualname__}")
    if missing := sorted(getattr(found, "__abstractmethods__", ())):
        raise ConfigurationError(f"{name} is not complete: it has no {', '.join(missing)}")
    return found


def _made(
    name: str, kind: type[T], own: Sequence[Any], options: Options, also: Sequence[str] = ()
) -> T:
    """Return an instance. own: what Convoy gives it itself. also: options that are used up."""
    taken = list(inspect.signature(kind).parameters.values())[len(own) :]
    named = [one.name for one in taken if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    if not any(one.kind is one.VAR_KEYWORD for one in taken):
        for option in options:
            if option not in named:
                told = unknown("option", str(option), [*named, *also, "name"])
                raise ConfigurationError(f"{name}: {told}")
    for one in taken:
        if one.name in named and one.default is one.empty and one.name not in options:
            raise ConfigurationError(f"{name} needs the option {one.name!r}")
    try:
        return kind(*own, **options)
    except ConvoyError:
        raise
    except Exception as error:  # what a class makes of options is not ours to know
        raise ConfigurationError(
            f"{name} cannot be made of its options: {type(error).__name__}: {error}"
        ) from error


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a name, not {value!r}")
    return value


def _database_broker(
    name: str, kind: type[DatabaseBroker], options: dict[str, Any], open_session: OpenSession
) -> Broker:
    """Return a broker for a database: PostgreSQL has one of its own, given psycopg 3."""
    session = open_session(_text(options.pop("alias", "default"), "alias"))
    dialect = session.dialect
    own = dialect.vendor == "postgresql" and dialect.direct
    if name == "database" and own:
        found = broker_class("postgres")  # by name: without psycopg it cannot be imported
        assert issubclass(found, DatabaseBroker)  # noqa: S101 - for the type checker
        kind = found
    elif kind.needs_psycopg and not own:
        raise ConfigurationError(
            f"{name} is for PostgreSQL with psycopg 3, and database {session.alias!r} is not that"
        )
    known = {"listen": bool, "listen_dsn": str}
    for option, value in options.items():
        if option in known and not isinstance(value, known[option]):
            wanted = "True or False" if option == "listen" else "text"
            raise ConfigurationError(f"{option} must be {wanted}, not {value!r}")
        if option in known and not kind.needs_psycopg:
            raise ConfigurationError(
                f"{option} is for PostgreSQL with psycopg 3, and database {session.alias!r} "
                "is not that"
            )
    return _made(name, kind, (session,), options, also=("alias", *known))
