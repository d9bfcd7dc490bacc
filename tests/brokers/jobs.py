"""Jobs for brokers, and claims of them."""

from typing import Any

from django_convoy.contracts.broker import Broker
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope, Lease


def job(queue: str, payload: str = "{}") -> Envelope:
    return Envelope(ids.job_id(), queue, "a.b", payload, "1j-:x", "k", 0, clock.now())


def claim(broker: Broker, queue: str = "q", limit: int = 100, **options: Any) -> list[Lease]:
    return broker.claim([queue], limit=limit, **{"lease": 60, "worker": "w", **options})
