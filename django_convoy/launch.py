"""Puts a worker together from settings and flags, and starts it."""

import logging
import time
from collections.abc import Sequence
from typing import Any

from django.db import OperationalError, connections

from django_convoy.contracts.broker import Broker, Browsable
from django_convoy.contracts.listener import Announcing
from django_convoy.core.lanes import Lanes, parse
from django_convoy.db.atomicity import task_atomic
from django_convoy.declared import edition
from django_convoy.domain.envelope import NO_NOTE, Envelope
from django_convoy.domain.errors import ConfigurationError
from django_convoy.framework import TaskResultStatus, task_backends, task_signals
from django_convoy.observed import is_observed
from django_convoy.observer import SignalObserver
from django_convoy.registry import Finder, find_task
from django_convoy.results import build
from django_convoy.runtime import Pair, Runtime, runtime_of
from django_convoy.scheduling.firing import Firing
from django_convoy.scheduling.runs import is_over
from django_convoy.scheduling.service import Scheduler
from django_convoy.scheduling.table import Table
from django_convoy.worker.engine import Engine, Service
from django_convoy.worker.plan import Plan

logger = logging.getLogger("django_convoy")
WAL_TRIES, WAL_PAUSE = 50, 0.1


def build_engine(plan: Plan, worker: str) -> Engine:
    """Return what a worker or steward process of this plan needs."""
    runtime = runtime_of(plan.backend)
    observer = SignalObserver(runtime, type(task_backends[plan.backend]), worker)
    own = runtime.private()
    if plan.bells and isinstance(own.broker, Announcing):
        own.broker.use_bells(plan.bells)
    atomic_in = runtime.shared.broker.capabilities.transactional or "default"
    return Engine(
        own=own,
        shared=runtime.shared,
        codec=runtime.codec,
        find=Finder(runtime.options.task),
        observer=observer,
        lanes=Lanes(
            parse(plan.queues), runtime.full_name, lambda: ready_queues(runtime, own.broker)
        ),
        retention=runtime.options.retention,
        namespace=runtime.options.namespace,
        task_atomic=lambda: task_atomic(atomic_in),
        after_job=observer.settled,
        worker=worker,
        relay=runtime.relay(own),
        long_transaction=plan.long_transaction,
        services=lambda: _services(plan, runtime, own),
    )


def _services(plan: Plan, runtime: Runtime, own: Pair) -> list[Service]:
    return [scheduler(runtime, own)] if plan.schedules else []


def scheduler(runtime: Runtime, own: Pair) -> Scheduler:
    """Return what fires the schedules of an alias, on the connections of a private pair."""
    pair, push = runtime.for_schedules(own)
    table = Table(pair.tables, runtime.options.namespace, runtime.alias)
    retention = runtime.options.retention
    firing = Firing(
        table, runtime.codec, push, lambda job_id: is_over(pair, retention, job_id), find_task
    )
    return Scheduler(
        table, firing, lambda: edition(runtime, pair), lambda jobs: tell_of(runtime, jobs)
    )


def tell_of(runtime: Runtime, jobs: Sequence[Envelope]) -> None:
    """Send `task_enqueued` for jobs that were not enqueued by a caller, if anybody listens."""
    if not is_observed(task_signals.task_enqueued):
        return
    sender = type(task_backends[runtime.alias])
    for job in jobs:
        result = build(runtime, job, TaskResultStatus.READY, NO_NOTE, None, None)
        task_signals.task_enqueued.send_robust(sender, task_result=result)


def ready_queues(runtime: Runtime, broker: Broker) -> list[str]:
    """Return the full names of this namespace's queues that have work."""
    if not isinstance(broker, Browsable):
        return [runtime.full_name(name) for name in runtime.declared_queues]
    names = broker.ready_queues()
    return [name for name in names if runtime.short_name(name) is not None]


def prepare_database(runtime: Runtime) -> None:
    """Make sure that the tables are there, and that SQLite can be read while it is written.

    Raises ConfigurationError that says to migrate, or that nobody could see its jobs.
    """
    _refuse_unshared(runtime)
    _refuse_memory(runtime)
    broker = runtime.shared.broker
    if isinstance(broker, Browsable):
        broker.find("0" * 32)
    else:
        broker.counts("")
    runtime.shared.store.get("0" * 32)
    alias = runtime.shared.broker.capabilities.transactional
    if alias is None or connections[alias].vendor != "sqlite":
        return
    for _ in range(WAL_TRIES):
        try:
            _switch_to_wal(alias)
        except OperationalError as error:  # it waits for nobody, whatever the timeout is
            if "locked" not in str(error):
                raise
            time.sleep(WAL_PAUSE)
        else:
            return
    logger.warning(
        "database %r: others use it, so that it cannot be switched to write-ahead logging now; "
        "the next start of a worker will try again",
        alias,
    )


def _switch_to_wal(alias: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        if cursor.fetchone()[0] == "delete":
            cursor.execute("PRAGMA journal_mode = WAL")  # kept in the file from now on
            logger.info("database %r: switched to write-ahead logging", alias)


def _refuse_unshared(runtime: Runtime) -> None:
    """Raise ConfigurationError for a broker whose jobs no worker can see."""
    if not runtime.shared.broker.capabilities.shared:
        raise ConfigurationError(
            f"TASKS[{runtime.alias!r}] has the broker {runtime.options.broker['name']!r}: only the "
            "process that enqueues a job can see it, so a worker would find none. Name a broker "
            'that processes share, such as "database"'
        )


def _refuse_memory(runtime: Runtime) -> None:
    """Raise ConfigurationError for SQLite in memory, where it would seem to be not migrated."""
    pair = runtime.shared
    for alias in {pair.broker.capabilities.transactional, pair.store.alias} - {None}:
        connection: Any = connections[alias or "default"]
        if connection.vendor == "sqlite" and connection.is_in_memory_db():
            raise ConfigurationError(
                f"database {alias!r} is in memory (NAME: {connection.settings_dict['NAME']}): no "
                "other process can see it, so a worker would find no jobs. Give it a file"
            )
