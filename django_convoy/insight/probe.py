"""One job's way through a broker, without a worker."""

import time

from django_convoy.core.codec import Call
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import ConvoyError
from django_convoy.domain.verdict import DONE
from django_convoy.insight.site import Site

TASK = "django_convoy.insight.probe"
"""Not a task: a worker that serves every queue and takes the probe gives it back."""
WAIT = 2.0
LEASE = 15.0


class ProbeFailed(ConvoyError):
    """The broker did not do what a broker does; the message says which step."""


def round_trip(site: Site) -> tuple[float, str]:
    """Push, claim and settle a job on a queue of its own; return the seconds it took, and what
    is to be said of a queue that could not be removed.

    In one transaction where the broker has some, so that no worker sees it.
    Raises ProbeFailed, BrokerUnavailable.
    """
    broker = site.shared.broker
    queue = site.full_name(f"convoy-doctor-{ids.token()}")
    job_id = ids.job_id()
    payload, seal, key_id = site.codec.seal(job_id, queue, TASK, Call())
    envelope = Envelope(job_id, queue, TASK, payload, seal, key_id, 0, clock.now())

    def there_and_back() -> str:
        broker.push([envelope])
        leases = broker.claim([queue], limit=1, lease=LEASE, worker="doctor", wait=WAIT)
        if [lease.id for lease in leases] != [job_id]:
            return "a job that was pushed could not be claimed"
        site.codec.open(leases[0].envelope)
        if broker.settle([(leases[0], DONE)]) != [True]:
            return "a job that was claimed could not be settled"
        return ""

    begin, left = time.monotonic(), ""
    try:
        trouble = broker.together(there_and_back)
        took = time.monotonic() - begin
    finally:
        try:
            broker.delete(queue)
        except ConvoyError as error:  # not everybody may
            left = f"the queue of the probe, {queue}, could not be removed: {error}"
        broker.close()
    if trouble:
        raise ProbeFailed(trouble)
    return took, left
