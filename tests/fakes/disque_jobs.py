"""The jobs of the fake of Disque: queued, or active until somebody acknowledges them."""

import bisect
import heapq
import random
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any

from tests.fakes.journal import Journal

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
ERROR = 0.5
"""Seconds by which redelivery is early or late, so that nodes do not all do it at once."""


class Refusal(Exception):
    """An error reply."""


@dataclass
class Job:
    """Times are of the fake's clock. at: when it is queued (again) by itself, 0: never."""

    id: str
    queue: bytes
    body: bytes
    created: float
    delay: int
    retry: int
    ttl: int
    repl: int
    at: float = 0.0
    state: str = "active"
    nacks: int = 0
    deliveries: int = 0
    was_queued: bool = False


class Jobs:
    """All of them. A second of its clock lasts `second` seconds."""

    def __init__(self, journal: Journal, second: float) -> None:
        self.journal = journal
        self.second = second
        self._jobs: dict[str, Job] = {}
        self._queues: dict[bytes, list[tuple[float, str]]] = {}
        self._timers: list[tuple[float, str]] = []
        self._last = 0.0
        for fields in journal.values.values():
            for name in ("queue", "body"):
                fields[name] = bytes.fromhex(fields[name])
            job = Job(**fields)
            self._jobs[job.id] = job
            self._time(job)
            if job.state == "queued":
                self._insert(job)

    def now(self) -> float:
        """Seconds of its clock."""
        return time.time() / self.second

    def all(self) -> list[Job]:
        """Those whose time to live is not over."""
        now = self.now()
        for job in [one for one in self._jobs.values() if one.created + one.ttl <= now]:
            self.remove(job)
        return list(self._jobs.values())

    def get(self, job_id: str) -> Job | None:
        job = self._jobs.get(job_id)
        if job is not None and job.created + job.ttl <= self.now():
            self.remove(job)
            return None
        return job

    def page(self, cursor: int, size: int) -> tuple[list[Job], int]:
        """Some jobs and the cursor of the next, 0 after the last. Removed ones move nobody."""
        jobs = self.all()
        rest = [job for job in jobs if int(job.created * 1e6) >= cursor]
        rest.sort(key=lambda job: job.created)
        return rest[:size], int(rest[size].created * 1e6) if len(rest) > size else 0

    def add(self, queue: bytes, body: bytes, *, delay: int, retry: int, ttl: int, repl: int) -> Job:
        minutes = min(0xFFFF, -(-ttl // 60))
        minutes = minutes | 1 if retry else minutes & ~1
        random_part = "".join(secrets.choice(ALPHABET) for _ in range(24))
        job_id = f"D-{1:08x}-{random_part}-{minutes:04x}"
        created = self._last = max(self.now(), self._last + 2e-6)  # no two of the same age
        job = Job(job_id, queue, body, created, delay, retry, ttl, repl)
        self._jobs[job_id] = job
        job.at = created + delay
        if delay:
            self._time(job)
            self._keep(job)
        else:
            self.enqueue(job)
        return job

    def enqueue(self, job: Job, nack: bool = False) -> bool:
        """Queue it, unless it is; it comes back by itself `retry` seconds later."""
        if job.state == "queued" or job.at == 0:
            return False
        job.state = "queued"
        if job.was_queued:
            job.nacks += nack
            job.deliveries += not nack
        job.was_queued = True
        self._again(job)
        self._insert(job)
        self._keep(job)
        return True

    def dequeue(self, job: Job) -> bool:
        if job.state != "queued":
            return False
        self._queues[job.queue].remove((job.created, job.id))
        job.state = "active"
        self._keep(job)
        return True

    def take(self, queue: bytes, count: int) -> list[Job]:
        """The oldest of a queue. When they come back was settled when they were queued."""
        entries = self._queues.get(queue, [])
        taken = [self._jobs[job_id] for _, job_id in entries[:count]]
        del entries[:count]
        for job in taken:
            job.state = "active"
            self._keep(job)
        return [job for job in taken if self.get(job.id) is not None]

    def postpone(self, job: Job) -> bool:
        """Have it come back `retry` seconds from now; False once half of its life is over."""
        if self.now() - job.created > job.ttl / 2:
            return False
        self.dequeue(job)
        self._again(job)
        self._keep(job)
        return True

    def remove(self, job: Job) -> bool:
        self.dequeue(job)
        self.journal.write(job.id, None)
        return self._jobs.pop(job.id, None) is not None

    def wake(self) -> bool:
        """Queue what is due; return whether anything was."""
        now, woken = self.now(), False
        while self._timers and self._timers[0][0] <= now:
            at, job_id = heapq.heappop(self._timers)
            job = self._jobs.get(job_id)
            if job is None or job.at != at:
                continue
            if job.state == "queued":  # nobody came for it
                self._again(job)
            else:
                woken = self.enqueue(job) or woken
        return woken

    def length(self, queue: bytes) -> int:
        return len(self._queues.get(queue, ()))

    def queued(self, queue: bytes) -> list[Job]:
        return [self._jobs[job_id] for _, job_id in self._queues.get(queue, ())]

    def shown(self, job: Job) -> list[Any]:
        now = self.now()
        again = max(0, int((job.at - now) * 1000)) if job.at else 0
        fields: dict[str, Any] = {
            "id": job.id,
            "queue": job.queue,
            "state": job.state,
            "repl": job.repl,
            "ttl": max(0, int(job.created + job.ttl - now)),
            "ctime": int(job.created * 1e9),
            "delay": job.delay,
            "retry": job.retry,
            "nacks": job.nacks,
            "additional-deliveries": job.deliveries,
            "nodes-delivered": [],
            "nodes-confirmed": [],
            "next-requeue-within": again,
            "next-awake-within": again,
            "body": job.body,
        }
        return [part for pair in fields.items() for part in pair]

    def _again(self, job: Job) -> None:
        if not job.retry:
            job.at = 0.0
            return
        job.at = self.now() + job.retry + random.uniform(-ERROR, ERROR) * min(1, job.retry / 10)
        self._time(job)

    def _time(self, job: Job) -> None:
        if job.at:
            heapq.heappush(self._timers, (job.at, job.id))

    def _insert(self, job: Job) -> None:
        """By age: what comes back comes before what is younger."""
        bisect.insort(self._queues.setdefault(job.queue, []), (job.created, job.id))

    def _keep(self, job: Job) -> None:
        fields = asdict(job)
        fields.update(queue=job.queue.hex(), body=job.body.hex())
        self.journal.write(job.id, fields)
