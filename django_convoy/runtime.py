"""The composition root: from an alias of TASKS to its broker, store and codec.

One Runtime per alias and process: Django makes a backend object per thread, so those own
nothing. Discarded after a fork and when settings change.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.signals import setting_changed
from django.db import connections, router

from django_convoy import conf
from django_convoy.assembly import Memory, make_broker, make_store
from django_convoy.contracts.broker import Broker, Browsable, Immediate, Recorder
from django_convoy.contracts.store import Store
from django_convoy.core.codec import Codec
from django_convoy.db.session import PrivateSession, Session
from django_convoy.domain import promises
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import ConfigurationError
from django_convoy.domain.options import AT_MOST_ONCE
from django_convoy.framework import task_backends
from django_convoy.outbox.dispatch import ON_COMMIT, OUTBOX, Dispatch
from django_convoy.outbox.overview import Overview
from django_convoy.outbox.relay import Relay
from django_convoy.outbox.spill import Spill
from django_convoy.outbox.table import Table
from django_convoy.router import APP, DEFAULT
from django_convoy.serializers import SERIALIZERS
from django_convoy.worker.timeouts import ThreadTimeouts


@dataclass(frozen=True)
class Pair:
    """A broker and a store that share a way to their database, where they have one.

    tables: the way to the database that has Convoy's other tables: the broker's own, if it has
    one, else that of the outbox.
    outbox: where jobs wait that cannot go to the broker yet; None: all can.
    spill: where payloads are that are too large for the broker; None: there can be none.
    """

    broker: Broker
    store: Store
    tables: Session
    outbox: Table | None = None
    spill: Spill | None = None

    @property
    def together(self) -> bool:
        """Whether recording and settling can be one transaction."""
        if self.store.alias is not None:
            return self.store.alias == self.broker.capabilities.transactional
        return isinstance(self.broker, Recorder) and self.broker.records_for(self.store)

    @property
    def view(self) -> Browsable | None:
        """What can be looked into for jobs, if anything can."""
        if self.outbox is not None:
            return Overview(self.broker, self.store, self.outbox, self.spill)
        return self.broker if isinstance(self.broker, Browsable) else None

    def close(self) -> None:
        """Give back connections and files."""
        self.broker.close()
        self.store.close()
        if self.spill is not None:
            self.spill.session.close()


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
        pair = self._pair(Session)
        if not pair.broker.capabilities.leases:
            once = {"delivery": AT_MOST_ONCE}
            self.options = options = replace(options, task={**once, **options.task})
        self.outbox_alias = self._outbox_alias(pair.broker)
        """The database whose transactions count for a broker elsewhere; None: it joins them, or
        there are none."""
        outbox = self._outbox(Session)
        self.shared = replace(pair, outbox=outbox)
        self.intake: Broker | Dispatch = self._intake(pair.broker)
        """Where jobs are pushed to: the broker, or what may lead them through the outbox."""
        can = pair.broker.capabilities
        if self.shared.outbox is not None:
            can = replace(can, max_delay=None)
        if pair.spill is not None and pair.spill.writes:
            can = replace(can, max_body=None)
        self.promised = can
        """What can be asked for: the outbox holds what is due later than the broker can hold, and
        the table beside it what is larger."""
        self.is_limited = promises.is_limited(can)
        """Whether anything of that could be refused; said here, for each enqueue asks."""
        self.runs_at_once = isinstance(pair.broker, Immediate)
        """Whether jobs are run by whoever enqueues them."""

    def private(self) -> Pair:
        """Return a broker and a store with connections of their own, for a worker."""
        return self._pair(PrivateSession)

    def for_schedules(self, pair: Pair) -> tuple[Pair, Callable[[Sequence[Envelope]], None]]:
        """Return a private pair with its outbox, and how jobs are pushed in transactions of its
        `tables`: they commit together, whatever the broker is."""
        if pair.broker.capabilities.transactional == pair.tables.alias:
            return pair, pair.broker.push
        outbox = Table(pair.tables, self.full_name(self.alias))
        dispatch = Dispatch(
            pair.broker, pair.tables, outbox, OUTBOX, fallback=True, spill=pair.spill
        )
        return replace(pair, outbox=outbox), dispatch.push

    def relay(self, pair: Pair) -> Relay | None:
        """Return what sends jobs from the outbox, by this pair; None where none can be there."""
        outbox = self._outbox(PrivateSession)
        if outbox is None:
            return None
        spill = self._spill(pair.broker, lambda alias: outbox.session)
        return Relay(outbox, pair.broker, pair.store, spill)

    def _intake(self, broker: Broker) -> Broker | Dispatch:
        if self.outbox_alias is None:
            return broker
        options, outbox = self.options, self.shared.outbox
        session = Session(self.outbox_alias) if outbox is None else outbox.session
        mode = ON_COMMIT if outbox is None and options.enqueue == "outbox" else options.enqueue
        fallback, spill = options.outbox.fallback, self.shared.spill
        return Dispatch(broker, session, outbox, mode, fallback=fallback, spill=spill)

    def _outbox(self, session: type[Session]) -> Table | None:
        alias = self.outbox_alias
        if alias is None or not router.allow_migrate(alias, APP, model_name="outboxjob"):
            return None
        return Table(session(alias), self.full_name(self.alias))

    def _spill(self, broker: Broker, session: Callable[[str], Session]) -> Spill | None:
        if broker.capabilities.max_body is None:
            return None
        alias = self._outbox_alias(broker)
        if alias is None or not router.allow_migrate(alias, APP, model_name="spilledpayload"):
            return None
        name, writes = self.full_name(self.alias), self.options.outbox.spill
        return Spill(session(alias), name, broker, writes=writes)

    def _outbox_alias(self, broker: Broker) -> str | None:
        if not broker.capabilities.shared:  # no steward could send to it
            return None
        alias = self.options.outbox.alias or DEFAULT
        if alias not in connections.settings:
            known = ", ".join(sorted(connections.settings))
            raise conf.SettingsError(
                f"TASKS[{self.alias!r}]['OPTIONS']['outbox']: there is no database {alias!r} in "
                f"DATABASES; there is: {known}"
            )
        dummy = connections.settings[alias]["ENGINE"] == "django.db.backends.dummy"
        return None if dummy or broker.capabilities.transactional == alias else alias

    def _pair(self, session: type[Session]) -> Pair:
        sessions: dict[str, Session] = {}

        def open_session(alias: str) -> Session:
            if alias not in sessions:
                sessions[alias] = session(alias)
            return sessions[alias]

        options, memory = self.options, self._memory
        try:
            broker = make_broker(options.broker, open_session, memory)
            alias = broker.capabilities.transactional or DEFAULT
            store = make_store(options, open_session, alias, memory, broker)
            elsewhere = options.outbox.alias or DEFAULT
            known = elsewhere if elsewhere in connections.settings else DEFAULT  # said later
            tables = open_session(broker.capabilities.transactional or known)
        except ConfigurationError as error:
            raise conf.SettingsError(f"TASKS[{self.alias!r}]['OPTIONS']: {error}") from error
        return Pair(broker, store, tables, spill=self._spill(broker, open_session))

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
        if self.pid != (pid := os.getpid()):
            self.pid, self.runtimes = pid, {}
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
