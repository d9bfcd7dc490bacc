"""A broker in this process's memory that shares a transaction with nothing."""

import time
from datetime import timedelta

from django_convoy.contracts.broker import Broker, Browsable, Counts, Held
from django_convoy.domain import clock, ids
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import NO_NOTE, Lease
from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import Again, Bury


class BlindBroker(Broker):
    """Delivers jobs, and cannot list them."""

    capabilities = Capabilities(browse=False)

    def __init__(self):
        self.rows = {}
        self.tokens = {}

    def push(self, envelopes):
        now = clock.now()
        for envelope in envelopes:
            later = envelope.due is not None and envelope.due > now
            state = "delayed" if later else "ready"
            self.rows[envelope.id] = Held(envelope, state, 0, NO_NOTE, wake_at=envelope.due)

    def _wake(self):
        for row in self.rows.values():
            if row.state == "delayed" and row.wake_at <= clock.now():
                row.state, row.wake_at = "ready", None

    def claim(self, queues, *, limit, lease, worker, wait=0, may_suspect=None):
        self._wake()
        ready = [
            row
            for queue in queues
            for row in self.rows.values()
            if row.state == "ready" and row.envelope.queue == queue
        ]
        ready.sort(key=lambda row: (-row.envelope.priority, row.envelope.id))
        leases = []
        for row in ready[:limit]:
            token = ids.token()
            row.state, row.worker, row.attempt = "leased", worker, row.attempt + 1
            self.tokens[row.envelope.id] = token
            leases.append(Lease(row.envelope, token, row.attempt, row.note))
        if not leases and wait:
            time.sleep(0.001)
        return leases

    def renew(self, leases, *, lease):
        return [Renewal.HELD if self._holds(one) else Renewal.LOST for one in leases]

    def _holds(self, lease):
        return self.tokens.get(lease.id) == lease.token

    def settle(self, settlements):
        answers = []
        for lease, verdict in settlements:
            held = self._holds(lease)
            answers.append(held)
            if not held:
                continue
            del self.tokens[lease.id]
            row = self.rows[lease.id]
            row.worker = ""
            if isinstance(verdict, Again):
                row.state, row.note = "delayed", verdict.note
                row.wake_at = clock.now() + timedelta(seconds=verdict.delay)
            elif isinstance(verdict, Bury):
                row.state, row.note = "buried", verdict.note
            else:
                del self.rows[lease.id]
        return answers

    def _counts(self, queue):
        states = [row.state for row in self.rows.values() if row.envelope.queue == queue]
        return Counts(**{name: states.count(name) for name in Counts.__slots__})

    def counts(self, queue):
        return self._counts(queue)

    def purge(self, queue):
        gone = [
            job_id
            for job_id, row in self.rows.items()
            if row.envelope.queue == queue and row.state != "leased"
        ]
        for job_id in gone:
            del self.rows[job_id]
        return len(gone)


class MemoryBroker(BlindBroker, Browsable):
    """The same, and one can look into it."""

    capabilities = Capabilities()

    def find(self, job_id):
        return self.rows.get(job_id)

    def jobs(self, *, queue="", state="", limit=100):
        self._wake()
        rows = [
            row
            for _, row in sorted(self.rows.items())
            if queue in ("", row.envelope.queue) and state in ("", row.state)
        ]
        return iter(rows[:limit])

    def remove(self, job_id):
        row = self.rows.get(job_id)
        if row is None or row.state == "leased":
            return None
        return self.rows.pop(job_id).envelope

    def revive(self, job_id):
        row = self.rows.get(job_id)
        if row is None or row.state not in ("buried", "delayed"):
            return False
        row.state, row.note, row.attempt, row.wake_at = "ready", NO_NOTE, 0, None
        return True

    def queues(self):
        names = {row.envelope.queue for row in self.rows.values()}
        return {name: self._counts(name) for name in sorted(names)}

    def ready_queues(self):
        return [name for name, counts in self.queues().items() if counts.ready]
