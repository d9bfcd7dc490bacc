"""New jobs come on a plain list: they are in order all the same, and seen by all who look."""

import os
from collections.abc import Callable, Iterator

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_convoy.brokers import redis_queues
from django_convoy.brokers.redis import RedisBroker
from django_convoy.brokers.redis_once import RedisOnceBroker
from django_convoy.clients.redis_scripts import Script
from django_convoy.contracts.broker import Counts
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import PayloadError
from django_convoy.domain.verdict import DONE, Again
from tests.redis.watching import watched

pytestmark = pytest.mark.valkey
URL = os.environ.get("CONVOY_TEST_VALKEY", "")
MANY = 2_500
"""More than one step puts in order."""
Make = Callable[..., RedisBroker]


@pytest.fixture(params=[RedisBroker, RedisOnceBroker])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    made: list[RedisBroker] = []

    def broker() -> RedisBroker:
        made.append(request.param(url=URL, prefix=f"incoming-{ids.token()}"))
        return made[-1]

    yield broker
    for one in made:
        for queue in one.queues():
            one.delete(queue)
        one.close()


@pytest.fixture
def client() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(URL, protocol=2) as client:
        yield client


def new(count: int, queue: str = "q", priority: int = 0) -> list[Envelope]:
    now = clock.now()
    made = ids.job_ids(count)
    return [Envelope(one, queue, "a.b", "{}", "1j-:x", "k", priority, now) for one in made]


def length(client: redis.Redis, broker: RedisBroker, queue: str = "q") -> int:
    return client.llen(broker._queues.keys(queue)[-2])


def run(broker: RedisBroker, limit: int = 1000) -> list[str]:
    leases = broker.claim(["q"], limit=limit, lease=60, worker="w")
    broker.settle([(lease, DONE) for lease in leases])
    return [lease.id for lease in leases]


def test_new_jobs_are_two_plain_commands(make, client, monkeypatch):
    """And once a second a third, with the same round trip, by which their queue is known."""
    broker = make()
    monkeypatch.setattr(redis_queues, "RENEW_SECONDS", 600.0)
    broker.push_new(new(1))
    with watched(client, broker.place.prefix) as seen:
        broker.push_new(new(1))
        broker.push_new(new(50))
    assert [command.split()[0] for command in seen] == ["RPUSH", "ZADD"] * 2
    monkeypatch.setattr(redis_queues, "RENEW_SECONDS", 0.0)
    with watched(client, broker.place.prefix) as seen:
        broker.push_new(new(1))
    assert [command.split()[0] for command in seen] == ["RPUSH", "ZADD", "EVAL"]
    assert length(client, broker) == 53


def test_a_job_that_is_there_is_told_to_be_whatever_follows(make, client, monkeypatch):
    broker = make()
    broker.push_new(new(1))
    client.delete(broker._queues.keys("q")[-2])
    monkeypatch.setattr(redis_queues, "RENEW_SECONDS", 0.0)
    refusal = Script("return redis.error_reply('no')", "0" * 40)
    monkeypatch.setattr(redis_queues, "REGISTER", refusal)
    broker.push_new(new(1))
    assert length(client, broker) == 1


def test_what_has_a_place_of_its_own_or_another_queue_is_put_there(make, client):
    broker = make()
    (urgent,), (other,) = new(1, priority=5), new(1, "other")
    late = Envelope(ids.job_id(), "q", "a.b", "{}", "1j-:x", "k", 0, clock.now(), clock.now())
    for jobs in ([urgent], [late], [*new(1), other], []):
        broker.push_new(jobs)
    assert length(client, broker) == length(client, broker, "other") == 0
    assert broker.counts("q").ready + broker.counts("q").delayed == 3
    assert broker.counts("other") == Counts(ready=1)


def test_a_class_that_changes_push_gets_all_jobs(client):
    class Counting(RedisBroker):
        pushed = 0

        def push(self, envelopes):
            jobs = list(envelopes)
            self.pushed += len(jobs)
            super().push(jobs)

    broker = Counting(url=URL, prefix=f"incoming-{ids.token()}")
    broker.push_new(new(3))
    assert (broker.pushed, length(client, broker)) == (3, 0)
    broker.delete("q")
    broker.close()


Step = st.tuples(
    st.sampled_from(["new", "push", "again", "claim", "back", "look"]),
    st.integers(1, 6),
    st.integers(-1, 1),
)


@given(st.lists(Step, max_size=40))
@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_claims_are_in_order_wherever_jobs_came(make, steps):
    """Law: a claim takes the first by priority and age of all that wait."""
    broker = make()
    waiting: dict[str, Envelope] = {}
    for what, count, priority in steps:
        if what == "new":
            jobs = new(count)
            broker.push_new(jobs)
        elif what == "push":
            jobs = new(count, priority=priority)
            broker.push(jobs)
        elif what == "again":
            jobs = list(waiting.values())[-count:]
            broker.push(jobs)
        elif what == "look":
            jobs = []
            shown = [held.envelope.id for held in broker.jobs(limit=count)]
            assert len(shown) == min(count, len(waiting))
            assert waiting.keys() >= set(shown)
        else:
            jobs = []
            leases = broker.claim(["q"], limit=count, lease=60, worker="w")
            first = sorted(waiting.values(), key=lambda one: (-one.priority, one.id))[:count]
            assert [lease.id for lease in leases] == [one.id for one in first]
            if what == "back":
                broker.settle([(lease, Again(0, True, lease.note)) for lease in leases])
            else:
                broker.settle([(lease, DONE) for lease in leases])
                for lease in leases:
                    del waiting[lease.id]
        waiting |= {one.id: one for one in jobs}
        assert broker.counts("q") == Counts(ready=len(waiting))
    broker.delete("q")


def test_all_see_what_came(make, client):
    broker = make()
    jobs = new(MANY)
    broker.push_new(jobs)
    assert broker.counts("q") == broker.queues()["q"] == Counts(ready=MANY)
    assert broker.ready_queues() == ["q"]
    assert broker.next_due() is None
    assert [held.envelope.id for held in broker.jobs(limit=3)] == [one.id for one in jobs[:3]]
    held = broker.find(jobs[-1].id)
    assert held is not None
    assert (held.state, held.envelope.id) == ("ready", jobs[-1].id)
    assert length(client, broker) == 0, "it is in order now, so that it is not sought again"
    assert broker.remove(jobs[1].id) is not None
    assert not broker.revive(jobs[2].id)
    assert broker.counts("q").ready == MANY - 1
    assert run(broker, 3) == [jobs[0].id, jobs[2].id, jobs[3].id]


def test_what_is_said_again_far_behind_runs_once(make):
    """Behind more than one step puts in order: its copy is dropped before it can be taken."""
    broker = make()
    jobs = new(MANY)
    broker.push_new(jobs)
    broker.push(jobs[-2:])
    seen = run(broker) + run(broker) + run(broker, MANY - 2_003)
    while found := run(broker, 1):
        seen += found
    assert seen == [one.id for one in jobs]


def test_what_came_is_purged_and_deleted(make):
    broker = make()
    for end in (broker.purge, broker.delete):
        broker.push_new(new(7))
        assert end("q") == 7
        assert broker.counts("q") == Counts()
        assert run(broker) == []


def test_text_that_is_none_is_refused_before_it_is_sent(make):
    broker = make()
    broken = Envelope(ids.job_id(), "q", "\ud800", *"abc", 0, clock.now())
    with pytest.raises(PayloadError):
        broker.push_new([*new(2), broken])
    assert broker.counts("q") == Counts()
