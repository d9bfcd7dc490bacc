"""Runs the jobs that a test enqueued, without a worker."""

from collections.abc import Iterable

from django_convoy.framework import DEFAULT_TASK_BACKEND_ALIAS, task_backends
from django_convoy.launch import ready_queues
from django_convoy.running import Runner
from django_convoy.runtime import runtime_of

LEASE = 15.0


def run_jobs(
    backend: str = DEFAULT_TASK_BACKEND_ALIAS, *, queues: Iterable[str] = (), limit: int = 100
) -> list[str]:
    """Run what is ready in this thread, also what that enqueues, until nothing is left.

    queues: only these, in this order. limit: how many are claimed at a time.
    Returns the ids of the jobs in the order they ran. What is delayed, or waits for its next
    attempt, stays where it is.
    """
    runtime, ran = runtime_of(backend), list[str]()
    broker = runtime.shared.broker
    runner = Runner(runtime, type(task_backends[backend]), "tester")
    named = [runtime.full_name(queue) for queue in queues]
    while leases := broker.claim(
        named or ready_queues(runtime, broker), limit=limit, lease=LEASE, worker=runner.worker
    ):
        for lease in leases:
            ran.append(lease.id)
            runner.run(lease)
    return ran
