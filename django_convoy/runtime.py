"""The composition root: from an alias of TASKS to its broker, store and codec.

One Runtime per alias and process: Django makes a backend object per thread, so those own
nothing. Discarded after a fork and when settings change.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.signals import setting_changed
from django.db import connections
from django.utils.module_loading import import_string

from django_convoy import conf
from django_convoy.brokers import BROKERS
from django_convoy.contracts.broker import Broker, Recorder
from django_convoy.contracts.store import Store
from django_convoy.core.codec import Codec
from django_convoy.db.session import PrivateSession, Session
from django_convoy.domain.errors import ConfigurationError
from django_convoy.domain.options import AT_LEAST_ONCE, AT_MOST_ONCE
from django_convoy.domain.suggest import unknown
from django_convoy.framework import task_backends
from django_convoy.serializers import SERIALIZERS
from django_convoy.stores import STORES


@dataclass(frozen=True)
class Pair:
    """A broker and a store that share a way to their database, where they have one."""

    broker: Broker
    store: Store

    @property
    def together(self) -> bool:
        """Whether recording and settling can be one transaction."""
        if self.store.alias is not None:
            return self.store.alias == self.broker.capabilities.transactional
        return isinstance(self.broker, Recorder) and self.broker.records_for(self.store)

    def close(self) -> None:
        """Give back connections and files."""
        self.broker.close()
        self.store.close()


class Runtime:
    """What one alias of TASKS needs in this process."""

    def __init__(self, alias: str, params: Mapping[str, Any]) -> None:
        self.alias = alias
        self.options = conf.parse(alias, params)
        self.declared_queues = list(params.get("QUEUES", ["default"]) or ())
        options = self.options
        writer = SERIALIZERS[options.serializer]()
        # What is plain JSON is always readable; pickle only where it was asked for.
        readers = [SERIALIZERS[name]() for name in {"json", *options.accept}]
        self.codec = Codec(conf.secrets(), writer, readers, options.compress_above)
        self.shared = self._pair(Session)

    def private(self) -> Pair:
        """Return a broker and a store with connections of their own, for a worker."""
        return self._pair(PrivateSession)

    def _pair(self, session: type[Session]) -> Pair:
        where = f"TASKS[{self.alias!r}]['OPTIONS']"
        sessions: dict[str, Session] = {}

        def open_session(alias: str) -> Session:
            if alias not in sessions:
                sessions[alias] = session(alias)
            return sessions[alias]

        broker_options, store_options = dict(self.options.broker), dict(self.options.store)
        try:
            name = broker_options.pop("name")
            if name == "database":
                alias = _text(broker_options.pop("alias", "default"), "alias")
                broker: Broker = _database_broker(open_session(alias), broker_options)
            else:
                name = _delivering(name, broker_options)
                broker = _custom(name, BROKERS, "broker", Broker)(**broker_options)
                alias = "default"
            name = store_options.pop("name")
            if name == "database":
                store_alias = _only(store_options, "alias", alias)
                store: Store = import_string(STORES[name])(open_session(store_alias))
            elif name == "cache":
                cache = _only(store_options, "cache", "default")
                store = import_string(STORES[name])(cache, self.options.retention)
            elif name == "redis":
                beside = broker_options if self.options.broker["name"] == "redis" else {}
                given = store_options or beside
                store = import_string(STORES[name])(self.options.retention, **given)
            else:
                store = _custom(name, STORES, "store", Store)(**store_options)
        except (ConfigurationError, ImportError, TypeError) as error:
            raise conf.SettingsError(f"{where}: {error}") from error
        return Pair(broker, store)

    def full_name(self, queue: str) -> str:
        """Return a queue's name with the namespace in front."""
        namespace = self.options.namespace
        return f"{namespace}:{queue}" if namespace else queue

    def short_name(self, full: str) -> str | None:
        """Return a queue's name as users know it, None for another namespace's."""
        namespace, colon, queue = full.rpartition(":")
        if namespace != self.options.namespace or bool(colon) != bool(namespace):
            return None
        return queue


def _only(options: dict[str, Any], name: str, default: str) -> str:
    value = options.pop(name, default)
    if options:
        raise ConfigurationError(unknown("option", next(iter(options)), [name, "name"]))
    return _text(value, name)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a name, not {value!r}")
    return value


def _database_broker(session: Session, options: dict[str, Any]) -> Broker:
    """Return the broker for a database: PostgreSQL has one of its own, given psycopg 3."""
    known = {"listen": bool, "listen_dsn": str}
    for name, value in options.items():
        if name not in known:
            raise ConfigurationError(unknown("option", name, [*known, "alias", "name"]))
        if not isinstance(value, known[name]):
            wanted = "True or False" if name == "listen" else "text"
            raise ConfigurationError(f"{name} must be {wanted}, not {value!r}")
    dialect = session.dialect
    own = dialect.vendor == "postgresql" and dialect.direct
    if options and not own:
        raise ConfigurationError(
            f"{next(iter(options))} is for PostgreSQL with psycopg 3, and database "
            f"{session.alias!r} is not that"
        )
    made: Broker = import_string(BROKERS["postgres" if own else "database"])(session, **options)
    return made


def _delivering(name: str, options: dict[str, Any]) -> str:
    """Return the broker's name by what it promises, which is an option of Redis only."""
    if name != "redis":
        return name
    delivery = options.pop("delivery", AT_LEAST_ONCE)
    if delivery not in (AT_LEAST_ONCE, AT_MOST_ONCE):
        raise ConfigurationError(unknown("delivery", str(delivery), [AT_LEAST_ONCE, AT_MOST_ONCE]))
    return "redis-once" if delivery == AT_MOST_ONCE else name


def _custom(name: str, known: Mapping[str, str], kind: str, base: type[Any]) -> Any:
    if "." not in name and name not in known:
        raise ConfigurationError(unknown(kind, name, known) + " (or the path of a class)")
    found = import_string(known.get(name, name))
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ConfigurationError(f"{name} is not a {base.__module__}.{base.__qualname__}")
    return found


class _Registry:
    """The runtimes of this process."""

    def __init__(self) -> None:
        self.pid = 0
        self.runtimes: dict[str, Runtime] = {}

    def get(self, alias: str) -> Runtime:
        if self.pid != os.getpid():
            self.pid, self.runtimes = os.getpid(), {}
        found = self.runtimes.get(alias)
        if found is None:
            found = self.runtimes[alias] = Runtime(alias, task_backends.settings[alias])
        return found


_registry = _Registry()
_WATCHED = {
    "TASKS",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "DATABASES",
    "CACHES",
    "CONVOY_NAMESPACE",
    "USE_TZ",
}


def runtime_of(alias: str) -> Runtime:
    """Return the runtime of an alias of TASKS. Raises SettingsError."""
    return _registry.get(alias)


def forget() -> None:
    """Discard all runtimes of this process; the next use makes new ones."""
    _registry.runtimes = {}


def _setting_changed(*, setting: str, **kwargs: Any) -> None:
    if setting in _WATCHED:
        forget()


def listen() -> None:
    """Follow changed settings, as `override_settings` makes them."""
    setting_changed.connect(_setting_changed, dispatch_uid="django_convoy.runtime")


def close_connections() -> None:
    """Close every connection of this process, as before a fork."""
    connections.close_all()
