"""Jobs for these tests."""

from datetime import timedelta
from typing import Any

from django_convoy.contracts.broker import Broker
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope, Lease


def job(queue: str, delay: float | None = None, **fields: Any) -> Envelope:
    now = clock.now()
    given = {
        "id": ids.job_id(),
        "queue": queue,
        "task": "shop.tasks.ship",
        "payload": '{"args":[1],"kwargs":{}}',
        "seal": "1j-:c2VhbA==",
        "key_id": "00c0ffee",
        "priority": 0,
        "enqueued_at": now,
        "due": None if delay is None else now + timedelta(seconds=delay),
    }
    return Envelope(**{**given, **fields})


def claim(broker: Broker, *queues: str, limit: int = 10, **options: Any) -> list[Lease]:
    return broker.claim(queues, limit=limit, worker="w", **{"lease": 60, **options})
