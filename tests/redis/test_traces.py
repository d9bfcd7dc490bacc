"""What is left on the server: nothing grows with jobs that are over."""

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis

from django_convoy.brokers import redis_queues
from django_convoy.brokers.redis import RedisBroker
from django_convoy.brokers.redis_once import RedisOnceBroker
from django_convoy.contracts.broker import Counts
from django_convoy.contracts.store import FAILED, SUCCESSFUL, Record, Retention
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease, Note
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.domain.verdict import DONE, Again, Bury
from django_convoy.stores.redis import RedisStore

pytestmark = pytest.mark.valkey
URL = os.environ.get("CONVOY_TEST_VALKEY", "")


@pytest.fixture
def client() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(URL, protocol=2) as client:
        yield client


@pytest.fixture
def prefix(client: redis.Redis) -> Iterator[str]:
    prefix = f"traces-{ids.token()}"
    yield prefix
    if found := client.keys(f"{prefix}:*"):
        client.delete(*found)


@pytest.fixture
def broker(prefix: str) -> Iterator[RedisBroker]:
    broker = RedisBroker(url=URL, prefix=prefix)
    yield broker
    broker.close()


@pytest.fixture
def store(prefix: str) -> Iterator[RedisStore]:
    store = RedisStore(Retention(successes=timedelta(hours=1)), url=URL, prefix=prefix)
    yield store
    store.close()


def push(broker: RedisBroker, count: int = 1, queue: str = "q") -> None:
    made = ids.job_ids(count)
    broker.push([Envelope(one, queue, "a.b", "{}", "1j-:x", "k", 0, clock.now()) for one in made])


def claim(broker: RedisBroker, limit: int = 99) -> list[Lease]:
    return broker.claim(["q"], limit=limit, lease=60, worker="w")


def record(lease: Lease, status: str = SUCCESSFUL, keep: timedelta | None = None) -> Record:
    now = clock.now()
    return Record(lease.envelope, status, 1, NO_NOTE, '"x"', now, now, keep, "w")


def left(client: redis.Redis, prefix: str) -> set[str]:
    return {key.decode().removeprefix(f"{prefix}:") for key in client.keys(f"{prefix}:*")}


TOKENS = {"queues", "any:", "{q}:wake"}


def test_jobs_that_are_over_leave_the_names_of_their_queues_only(broker, client, prefix):
    push(broker, 50)
    leases = claim(broker)
    broker.mark_started([(lease, clock.now()) for lease in leases])
    broker.settle([(lease, Again(0, False, Note(failures=1))) for lease in leases[:20]])
    broker.settle([(lease, DONE) for lease in leases[20:] + claim(broker)])
    assert left(client, prefix) <= TOKENS
    assert client.zcard(f"{prefix}:any:") == client.zcard(f"{prefix}:{{q}}:wake") == 1
    push(broker, 9)
    broker.settle([(claim(broker, 1)[0], Bury(Note(failures=1)))])
    assert broker.purge("q") == 9
    assert left(client, prefix) <= TOKENS


def test_a_claim_that_forgets_gives_a_job_back_once(client, prefix):
    """A worker says so, and who took the job from it: in between another one may have run it."""
    broker = RedisOnceBroker(url=URL, prefix=prefix)
    push(broker, 2)
    leases = claim(broker)
    back = [(lease, Again(0, True, NO_NOTE)) for lease in leases]
    assert broker.settle(back) == [True, True]
    again = claim(broker)
    assert [lease.id for lease in again] == [lease.id for lease in leases]
    assert broker.settle([*back, (again[0], DONE)]) == [False, False, True]
    assert broker.settle([(again[1], Bury(NO_NOTE)), back[1]]) == [True, False]
    assert broker.counts("q") == Counts(buried=1)
    assert 0 < client.ttl(f"{prefix}:{{q}}:returned") <= 3600
    broker.close()


def test_a_queue_that_was_not_used_for_long_is_forgotten(broker, client, prefix, monkeypatch):
    push(broker, queue="old")
    push(broker, queue="q")
    broker.purge("old")
    monkeypatch.setattr(redis_queues, "FORGET_SECONDS", -1)
    monkeypatch.setattr(redis_queues, "TIDY_SECONDS", 0)
    assert broker.ready_queues() == ["q"]
    assert client.zrange(f"{prefix}:queues", 0, -1) == [b"q"]
    assert client.zrange(f"{prefix}:any:", 0, -1) == [b"q"]
    assert left(client, prefix) == {"queues", "any:", "{q}:wake", "{q}:jobs", "{q}:ready"}


def test_a_deleted_queue_is_gone_with_what_was_held(broker, client, prefix):
    push(broker, 5)
    leases = claim(broker, 2)
    assert broker.delete("q") == 5
    assert broker.counts("q") == Counts()
    assert broker.settle([(lease, DONE) for lease in leases]) == [False, False]
    assert left(client, prefix) == {"queues"}  # which others take to be there
    push(broker)
    assert broker.ready_queues() == ["q"]


def test_the_server_says_what_it_is(broker):
    broker.ping()
    name, version = broker.info().split()
    assert name in ("Valkey", "Redis")
    assert version[0].isdigit()
    nobody = RedisBroker(port=1)
    with pytest.raises(BrokerUnavailable):
        nobody.ping()


class TestRecords:
    def test_a_settled_job_is_recorded_in_the_same_step(self, broker, store):
        assert broker.records_for(store)
        push(broker, 3)
        one, two, three = claim(broker)
        records = record(one, FAILED), record(two)
        verdicts = (one, Bury(NO_NOTE), records[0]), (two, DONE, records[1]), (three, DONE, None)
        assert broker.settle_and_record(verdicts) == [True, True, True]
        found = [store.get(lease.id) for lease in (one, two, three)]
        assert found == [*records, None]

    def test_the_record_of_a_lost_lease_is_not_kept(self, broker, store):
        assert broker.records_for(store)
        push(broker, 2)
        lost, held = claim(broker)
        broker.settle([(lost, DONE)])
        settlements = [(lost, DONE, record(lost)), (held, DONE, record(held))]
        assert broker.settle_and_record(settlements) == [False, True]
        assert store.get(lost.id) is None
        assert store.get(held.id) is not None

    def test_records_live_as_they_are_to_be_kept(self, broker, store, client, prefix):
        push(broker, 3)
        leases = claim(broker)
        store.finished(
            [
                record(leases[0]),
                record(leases[1], FAILED),
                record(leases[2], FAILED, timedelta(milliseconds=1500)),
            ]
        )
        lives = [client.pttl(f"{prefix}:result:{lease.id}") for lease in leases]
        assert 3_500_000 < lives[0] <= 3_600_000
        assert lives[1] == -1
        assert 0 < lives[2] <= 1500

    def test_another_servers_store_is_told_apart(self, broker):
        elsewhere = RedisStore(Retention(), url=URL, prefix="other")
        assert not broker.records_for(elsewhere)
