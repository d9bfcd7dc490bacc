"""Whatever stands on the server, claims go on: what cannot be read is set aside."""

import os
from collections.abc import Iterator

import pytest
import redis

from django_convoy.brokers.redis import RedisBroker
from django_convoy.brokers.redis_once import RedisOnceBroker
from django_convoy.contracts.broker import Counts
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import BrokerUnavailable, PayloadError
from django_convoy.domain.verdict import DONE, Again

pytestmark = pytest.mark.valkey
BODIES = [
    b"",
    b"no job",
    b"0 [1,2,3]",
    b"0 {}",
    b"x [1]",
    b"\xff\xfe\x00",
    b"0 " + b"[" * 100_000,
    b'0 [1,"' + b"0" * 32 + b'","q","t","{}","s","k",0,0,null,0,{}]',  # another job's
    b'0 [1,"id","q","t","{}","s","k",0,99999999999999999999,null,0,{}]',
]


@pytest.fixture
def client() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(os.environ["CONVOY_TEST_VALKEY"], protocol=2) as client:
        yield client


@pytest.fixture
def queue() -> str:
    return f"hostile-{ids.token()}"


@pytest.fixture(params=[RedisBroker, RedisOnceBroker])
def broker(request: pytest.FixtureRequest) -> Iterator[RedisBroker]:
    broker = request.param(url=os.environ["CONVOY_TEST_VALKEY"])
    yield broker
    broker.close()


def envelope(queue: str, **fields: object) -> Envelope:
    given = (ids.job_id(), queue, "a.b", "{}", "1j-:x", "k", 0, clock.now())
    return Envelope(*given, **fields)


def key(queue: str, part: str) -> str:
    return f"convoy:{{{queue}}}:{part}"


def claim(broker: RedisBroker, queue: str) -> list[str]:
    return [one.id for one in broker.claim([queue], limit=99, lease=60, worker="w")]


def test_bodies_that_cannot_be_read_are_set_aside(broker, client, queue, caplog):
    for number, body in enumerate(BODIES):
        client.hset(key(queue, "jobs"), f"{number:032x}", body)
        client.zadd(key(queue, "ready"), {f"{number:032x}": -5})
    client.zadd(key(queue, "ready"), {"nothing under it": -5, b"\xff:not a key": -5})
    job = envelope(queue)
    broker.push([job])
    assert claim(broker, queue) == [job.id]
    assert broker.counts(queue).buried == len(BODIES) + 2
    assert caplog.text.count("is set aside") == len(BODIES) + 2
    assert claim(broker, queue) == []
    assert list(broker.jobs(queue=queue, state="buried")) == []
    leased = broker.counts(queue).leased
    assert broker.purge(queue) == len(BODIES) + (2 if broker.forgets else 0)
    assert broker.counts(queue) == Counts(leased=leased)


def test_entries_that_cannot_be_read_are_set_aside(broker, client, queue, caplog):
    """The same on the list of those that came, with an id in front and without."""
    entries = [b" ", b"no-gap", *BODIES, *(b"%032x " % at + body for at, body in enumerate(BODIES))]
    client.rpush(key(queue, "incoming"), *entries)
    job = envelope(queue)
    broker.push_new([job])
    assert claim(broker, queue) == [job.id]
    assert caplog.text.count("is set aside") == len(entries)
    assert broker.counts(queue).buried == broker.purge(queue) == len(entries)
    assert claim(broker, queue) == []


def test_who_cannot_be_woken_costs_no_job(broker, client, queue):
    jobs = [envelope(queue) for _ in range(5)]
    broker.push_new(jobs)
    client.delete(key(queue, "wake"))
    client.rpush(key(queue, "wake"), "something else")
    seen = []
    while leases := broker.claim([queue], limit=2, lease=60, worker="w"):
        seen += [one.id for one in leases]
    assert seen == [one.id for one in jobs]


def test_a_foreign_list_goes_with_its_queue(broker, client, queue):
    client.set(key(queue, "incoming"), "something else")
    broker.delete(queue)
    broker.push_new([envelope(queue)])
    assert broker.counts(queue) == Counts(ready=1)


def test_a_list_in_front_of_other_keys_loses_nothing(broker, client, queue):
    jobs = [envelope(queue) for _ in range(3)]
    broker.push_new(jobs)
    for part in ("ready", "jobs"):
        client.set(key(queue, part), "something else")
        assert claim(broker, queue) == []
        with pytest.raises(BrokerUnavailable, match="WRONGTYPE"):
            broker.push([envelope(queue)])
        client.delete(key(queue, part))
    assert claim(broker, queue) == [one.id for one in jobs]


def test_a_new_job_is_told_to_be_there_if_it_is(broker, client, queue):
    """Also if nobody could be woken for it; and else it is not."""
    job = envelope(queue)
    client.set(key(queue, "wake"), "something else")
    broker.push_new([job])
    assert broker.counts(queue) == Counts(ready=1)
    client.delete(key(queue, "incoming"))
    client.set(key(queue, "incoming"), "something else")
    with pytest.raises(BrokerUnavailable, match="WRONGTYPE"):
        broker.push_new([job])


@pytest.mark.parametrize("note", [b"", b"x", b"1 0 0 {", b"1 x 0 ", b"-1", b'1 0 1 ["x"]', b"\xff"])
def test_a_note_that_cannot_be_read_blocks_nobody(broker, client, queue, note):
    broken, job = envelope(queue), envelope(queue)
    broker.push([broken, job])
    client.hset(key(queue, "notes"), broken.id, note)
    assert job.id in claim(broker, queue)
    broker.purge(queue)


def test_times_and_leases_that_mean_nothing_block_nobody(broker, client, queue):
    job = envelope(queue)
    broker.push([job])
    client.zadd(key(queue, "delayed"), {"nobody": 1, b"\x00": 2})
    client.zadd(key(queue, "leases"), {"no token": 1, ":": 2, "": 3})
    assert claim(broker, queue) in ([job.id], [])
    assert job.id in [job.id, *claim(broker, queue)]


def test_keys_of_another_type_are_left_out_and_said_once(broker, client, queue, caplog):
    client.set(key(queue, "ready"), "something else")
    for _ in range(3):
        assert claim(broker, queue) == []
    assert caplog.text.count("is left out") == 1
    other = f"{queue}-other"
    job = envelope(other)
    broker.push([job])
    leases = broker.claim([queue, other], limit=9, lease=60, worker="w")
    assert [one.id for one in leases] == [job.id]
    with pytest.raises(BrokerUnavailable, match="WRONGTYPE"):
        broker.push([envelope(queue)])


def test_text_that_is_none_is_refused_before_it_is_sent(broker, queue):
    broken = Envelope(ids.job_id(), queue, "\ud800", *"abc", 0, clock.now())
    for jobs in ([broken], [envelope(queue), broken]):
        with pytest.raises(PayloadError):
            broker.push(jobs)
    assert broker.counts(queue) == Counts()


def test_a_job_that_is_pushed_again_while_it_lives_stays_one(broker, queue):
    """As by somebody who did not get the answer."""
    job, late = envelope(queue), envelope(queue, due=clock.now())
    for _ in range(2):
        broker.push([job])
        broker.push([job, late])
    leases = broker.claim([queue], limit=9, lease=60, worker="w")
    assert sorted(one.id for one in leases) == [job.id, late.id]
    if broker.capabilities.leases:
        broker.push([job, late])
        assert claim(broker, queue) == []
        broker.settle([(leases[0], Again(0, True, leases[0].note)), (leases[1], DONE)])
        assert claim(broker, queue) == [leases[0].id]
