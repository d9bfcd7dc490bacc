"""Runs jobs without a worker: claimed, run, recorded and settled in the test's own thread."""

from contextlib import nullcontext

from django_convoy.backend import ConvoyBackend
from django_convoy.core.execution import Run, execute, prepare
from django_convoy.core.settling import conclude
from django_convoy.domain import clock
from django_convoy.observer import SignalObserver
from django_convoy.registry import Finder
from django_convoy.runtime import runtime_of


def unguarded(options):
    return nullcontext()


def work(alias="default", queues=("default", "mail"), limit=100):
    """Run what is ready; return the ids of the jobs that were claimed."""
    runtime = runtime_of(alias)
    pair, seen = runtime.shared, []
    observer = SignalObserver(runtime, ConvoyBackend, "tester")
    find = Finder(runtime.options.task)
    names = [runtime.full_name(queue) for queue in queues]
    while leases := pair.broker.claim(names, limit=limit, lease=15, worker="tester"):
        for lease in leases:
            seen.append(lease.id)
            prepared = prepare(lease, runtime.codec, find)
            ran = isinstance(prepared, Run)
            outcome = execute(prepared, runtime.codec, observer, unguarded) if ran else prepared
            ended = conclude(
                lease,
                outcome,
                worker="tester",
                started_at=prepared.started_at if ran else None,
                finished_at=clock.now(),
                durable=pair.store.durable,
            )
            if ended.record is not None:
                pair.store.finished([ended.record])
            pair.broker.settle([(lease, ended.verdict)])
    return seen
