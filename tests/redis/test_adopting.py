"""Jobs of another broker come with what is remembered of them, once."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from django_convoy.brokers.redis import RedisBroker
from django_convoy.brokers.redis_once import RedisOnceBroker
from django_convoy.contracts.broker import Counts, Held
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope, Note

pytestmark = pytest.mark.valkey
LATER = datetime(2100, 1, 2, 3, 4, 5, 6, UTC)
NOTE = Note(failures=2, workers=("w",), ended="badly")


@pytest.fixture(params=[RedisBroker, RedisOnceBroker])
def broker(request: pytest.FixtureRequest) -> Iterator[RedisBroker]:
    broker = request.param(url=os.environ["CONVOY_TEST_VALKEY"])
    yield broker
    broker.close()


def test_jobs_are_taken_over_with_their_past_and_only_once(broker):
    queue = f"adopted-{ids.token()}"
    first, second, late, due, bad, suspect = (
        Envelope(job_id, queue, "a.b", "{}", "1j-:x", "k", 0, clock.now())
        for job_id in ids.job_ids(6)
    )
    due.due = LATER
    taken = [
        Held(first, "ready", 3, NOTE),
        Held(second, "ready", 0, Note()),
        Held(late, "delayed", 1, NOTE, wake_at=LATER),
        Held(due, "delayed", 0, Note()),
        Held(bad, "buried", 4, NOTE),
        Held(suspect, "suspect", 1, Note(suspect=True)),
    ]
    broker.adopt(taken)
    broker.adopt(taken)
    assert broker.counts(queue) == Counts(ready=3, delayed=2, buried=1)
    for one in (taken[2], taken[3], taken[4]):
        held = broker.find(one.envelope.id)
        assert (held.envelope, held.state, held.attempt, held.note) == (
            one.envelope,
            one.state,
            one.attempt,
            one.note,
        )
        assert held.wake_at == (None if one.state == "buried" else LATER)
    (alone,) = broker.claim([queue], limit=9, lease=60, worker="w")
    assert (alone.envelope, alone.attempt, alone.note) == (suspect, 2, Note(suspect=True))
    leases = broker.claim([queue], limit=9, lease=60, worker="w")
    assert [(one.envelope, one.attempt, one.note) for one in leases] == [
        (first, 4, NOTE),
        (second, 1, Note()),
    ]
    broker.delete(queue)


def test_jobs_of_several_queues_are_taken_together(broker):
    queues = [f"adopted-{ids.token()}" for _ in range(3)]
    made = [
        Envelope(ids.job_id(), queue, "a.b", "{}", "1j-:x", "k", 0, clock.now()) for queue in queues
    ]
    broker.adopt([])
    broker.adopt([Held(one, "ready", 0, Note()) for one in made])
    assert set(queues) <= set(broker.ready_queues())
    for queue in queues:
        assert broker.delete(queue) == 1
