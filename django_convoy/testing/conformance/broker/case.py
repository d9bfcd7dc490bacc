"""What every promise of a broker is tested with."""

import threading
import unittest
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn, TypeVar

from django_convoy.contracts.broker import Broker, Browsable, Counts
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope, Lease, Note
from django_convoy.domain.renewal import Renewal, Renewed
from django_convoy.domain.verdict import Again, Bury

T = TypeVar("T")
FOREVER = 600.0
"""Seconds to wait for what must happen: a broken promise hangs, a slow machine does not fail."""


class BrokerCase:
    """The base of the suite. Each test has queues of its own, so that nothing needs emptying."""

    short = 0.2
    """Seconds of a lease that is to lapse: the shortest that the broker can give."""

    soon = 0.1
    """Seconds of a delay that is to end: the shortest that the broker can hold."""

    queue: str
    _made: list[Broker]

    def make(self) -> Broker:
        """Return a new broker, independent of those made before: as in another process."""
        raise NotImplementedError

    def setup_method(self) -> None:
        """Give the test its queue."""
        self.queue = f"conformance-{ids.token()}"
        self._made = []

    def teardown_method(self) -> None:
        """Close all brokers of the test."""
        for broker in self._made:
            broker.close()

    @property
    def broker(self) -> Broker:
        """The test's first broker."""
        return self._made[0] if self._made else self.another()

    @property
    def browser(self) -> Any:
        """The same broker, in its role `Browsable`. Skips where it does not have it."""
        self.requires("browse")
        assert isinstance(self.broker, Browsable)
        return self.broker

    def make_brief(self) -> Broker:
        """Return a broker like `make()`, whose leases lapse by themselves in a moment: override it
        where all leases are of one length."""
        return self.make()

    def another(self) -> Broker:
        """Return a further broker, which is closed after the test."""
        self._made.append(self.make())
        return self._made[-1]

    def spoil(self, queue: str, kind: str) -> None:
        """Put a value into the queue, past the broker, where its jobs are kept.

        kind: "garbage" (bytes that are no text), "truncated" (a job that was cut off), "foreign"
        (sound, but not a job) or "empty". Where a server cannot hold the one, do what is nearest.
        A binding says how; without it the tests of hostile values are skipped.
        """
        raise unittest.SkipTest("hook spoil: this binding does not say how garbage gets there")

    def requires(self, *capabilities: str) -> None:
        """Skip the test unless the broker has all of these capabilities."""
        for name in capabilities:
            if not getattr(self.broker.capabilities, name):
                self.skip(name, "this broker does not promise it")

    def skip(self, capability: str, why: str) -> NoReturn:
        """Skip the test; the reason names the capability, as `pytest -rs` lists it."""
        raise unittest.SkipTest(f"capability {capability}: {why}")

    def role(self, role: Any) -> Any:
        """Return the broker in an optional role. Skips where it does not have it."""
        broker = self.broker
        if not isinstance(broker, role):
            raise unittest.SkipTest(f"role {role.__name__}: this broker does not have it")
        return broker

    def requires_delays(self) -> None:
        """Skip the test unless the broker itself holds what is not due."""
        if not self.holds_delays:
            self.skip("max_delay", "this broker holds no delays")

    @property
    def holds_delays(self) -> bool:
        """Whether the broker itself holds what is not due."""
        return self.broker.capabilities.max_delay != timedelta(0)

    def envelope(self, queue: str = "", delay: float | None = None, **fields: Any) -> Envelope:
        """Return a new job. delay: seconds from now until it is due."""
        now = clock.now()
        due: datetime | None = None if delay is None else now + timedelta(seconds=delay)
        given = {
            "id": ids.job_id(),
            "queue": queue or self.queue,
            "task": "shop.tasks.ship",
            "payload": '{"args":[1],"kwargs":{}}',
            "seal": "1j-:c2VhbA==",
            "key_id": "00c0ffee",
            "priority": 0,
            "enqueued_at": now,
            "due": due,
        }
        return Envelope(**{**given, **fields})

    def push(self, count: int = 1, **fields: Any) -> list[str]:
        """Push new jobs; return their ids. fields: as `envelope` takes them."""
        envelopes = [self.envelope(**fields) for _ in range(count)]
        self.broker.push(envelopes)
        return [envelope.id for envelope in envelopes]

    def claim(
        self,
        limit: int = 10,
        *,
        broker: Broker | None = None,
        queues: Sequence[str] = (),
        lease: float = 60,
        wait: float = 0,
    ) -> list[Lease]:
        """Claim from the test's queue."""
        return (broker or self.broker).claim(
            queues or [self.queue], limit=limit, lease=lease, worker="worker-1", wait=wait
        )

    def claim_one(self, **options: Any) -> Lease:
        """Claim one job, which must be there."""
        (lease,) = self.claim(1, **options)
        return lease

    def take(self, wait: float) -> list[Lease]:
        """Claim in a broker of its own, closed in the same thread."""
        broker = self.make()
        try:
            return self.claim(broker=broker, wait=wait)
        finally:
            broker.close()

    def again(self, delay: float = 0, refund: bool = False, note: Note | None = None) -> Again:
        """Return the verdict that hands a job back."""
        return Again(delay, refund, note or Note())

    def known(self, counts: Counts) -> Counts:
        """Return what the broker can know of these counts."""
        if self.broker.capabilities.inventory:
            return counts
        return Counts(ready=counts.ready + counts.delayed + counts.leased, buried=counts.buried)

    def sized(self, size: int) -> int:
        """Return the size of a large job: this one, if the broker takes it."""
        most = self.broker.capabilities.max_body
        return size if most is None else min(size, most // 2)

    def one_of_each(self) -> None:
        """Leave one buried, one leased, one delayed (if that can be) and two ready jobs."""
        self.requires("leases")
        self.push(2)
        self.broker.settle([(self.claim_one(), Bury(Note()))])
        self.claim_one()
        if self.holds_delays:
            self.push(delay=60)
        self.push(2)

    def renew(
        self, leases: Sequence[Lease], *, lease: float, broker: Broker | None = None
    ) -> list[Renewal]:
        """Renew leases; those that are held under a new token have it from then on."""
        answers = []
        for one, answer in zip(
            leases, (broker or self.broker).renew(leases, lease=lease), strict=True
        ):
            if isinstance(answer, Renewed):
                assert answer.token != one.token
                one.token = answer.token
            answers.append(Renewal.HELD if isinstance(answer, Renewed) else answer)
        return answers

    def lapse(self, leases: Sequence[Lease]) -> None:
        """Let leases of `short` seconds lapse. They do so by themselves; override this where all
        leases are of one length."""

    def rest(self) -> None:
        """Wait until brokers that were closed do nothing any more. They do so at once; override
        this where a request that the server holds outlasts them."""

    def abandon(self, limit: int = 10, **options: Any) -> list[Lease]:
        """Claim in a broker whose process then is gone; the leases lapse in a moment."""
        self.requires("leases")
        gone = self.another()
        leases = self.claim(limit, broker=gone, lease=self.short, **options)
        gone.close()
        self.lapse(leases)
        return leases


def ids_of(leases: Sequence[Lease]) -> list[str]:
    """Return the ids of leased jobs."""
    return [lease.id for lease in leases]


def in_threads(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Run calls in a thread each; return what they return, raise what one raises."""
    results: dict[int, T] = {}
    errors: list[BaseException] = []

    def run(index: int, call: Callable[[], T]) -> None:
        try:
            results[index] = call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(calls))]
