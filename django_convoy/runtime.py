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

from django_convoy import conf
from django_convoy.assembly import Memory, make_broker, make_store
from django_convoy.contracts.broker import Broker
from django_convoy.contracts.store import Store
from django_convoy.core.codec import Codec
from django_convoy.db.session import PrivateSession, Session
from django_convoy.domain.errors import ConfigurationError
from django_convoy.framework import task_backends
from django_convoy.serializers import SERIALIZERS
from django_convoy.worker.timeouts import ThreadTimeouts


@dataclass(frozen=True)
class Pair:
    """A broker and a store that share a way to their database, where they have one."""

    broker: Broker
    store: Store

    @property
    def together(self) -> bool:
        """Whether recording and settling can be one transaction."""
        return self.store.alias is not None and (
            self.store.alias == self.broker.capabilities.transactional
        )

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
        self.timeouts = ThreadTimeouts()
        """Of jobs that are run in threads of the site's own."""
        self._memory = Memory()
        self.shared = self._pair(Session)

    def private(self) -> Pair:
        """Return a broker and a store with connections of their own, for a worker."""
        return self._pair(PrivateSession)

    def _pair(self, session: type[Session]) -> Pair:
        sessions: dict[str, Session] = {}

        def open_session(alias: str) -> Session:
            if alias not in sessions:
                sessions[alias] = session(alias)
            return sessions[alias]

        options, memory = self.options, self._memory
        try:
            broker = make_broker(options.broker, open_session, memory)
            alias = broker.capabilities.transactional or "default"
            store = make_store(options.store, open_session, alias, options.retention, memory)
        except ConfigurationError as error:
            raise conf.SettingsError(f"TASKS[{self.alias!r}]['OPTIONS']: {error}") from error
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
