"""How a claim sleeps: it waits for tokens, is woken with what it wanted, and loses nothing."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import redis

from django_convoy.brokers import redis_idling, redis_queues
from django_convoy.brokers.redis import RedisBroker
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope, Lease
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.domain.verdict import DONE
from tests.redis.watching import watched

pytestmark = pytest.mark.valkey
URL = os.environ.get("CONVOY_TEST_VALKEY", "")
FOREVER = 600.0


class All:
    """Every queue without a namespace, as a worker without `--queues` has it."""

    space = ""

    def __init__(self, broker: RedisBroker) -> None:
        self._broker = broker

    def __iter__(self) -> Iterator[str]:
        return iter(self._broker.ready_queues())


@pytest.fixture
def make() -> Iterator[Callable[[], RedisBroker]]:
    """Make brokers of one prefix."""
    prefix, made = f"idling-{ids.token()}", list[RedisBroker]()

    def broker() -> RedisBroker:
        made.append(RedisBroker(url=URL, prefix=prefix))
        return made[-1]

    yield broker
    for queue in made[0].queues():
        made[0].delete(queue)
    for one in made:
        one.close()


def push(broker: RedisBroker, *queues: str, **fields: object) -> None:
    made = zip(ids.job_ids(len(queues)), queues, strict=True)
    now = clock.now()
    broker.push([Envelope(i, q, "a.b", "{}", "1j-:x", "k", 0, now, **fields) for i, q in made])


def push_new(broker: RedisBroker, queue: str) -> None:
    broker.push_new([Envelope(ids.job_id(), queue, "a.b", "{}", "1j-:x", "k", 0, clock.now())])


def wait_for(look: Callable[[], object]) -> None:
    end = time.monotonic() + FOREVER
    while not look():
        assert time.monotonic() < end
        time.sleep(0.005)


def claim(broker: RedisBroker, limit: int = 1) -> list[Lease]:
    return broker.claim(All(broker), limit=limit, lease=60, worker="w", wait=FOREVER)


class Waiter:
    """A thread that claims in a broker of its own."""

    def __init__(self, broker: RedisBroker, settle: float = 0.2) -> None:
        self.broker = broker
        self.found: list[Lease] = []
        self.before = self.after = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._thread.join(settle)  # it has most probably begun to wait, and need not have

    def _run(self) -> None:
        self.before = self.broker._link.call("k", "CLIENT", "ID")
        self.found = claim(self.broker)
        self.after = self.broker._link.call("k", "CLIENT", "ID")

    def join(self) -> list[Lease]:
        self._thread.join()
        return self.found


def test_jobs_of_two_queues_that_come_together_wake_two(make):
    """Also where a worker expects its work from one of them."""
    pusher = make()
    push(pusher, "a", "b")
    brokers = [make(), make()]
    for broker in brokers:
        (lease,) = claim(broker)
        broker.settle([(lease, DONE)])
    for _ in range(5):
        waiters = [Waiter(broker) for broker in brokers]
        push(pusher, "a", "b")
        leases = [waiter.join()[0] for waiter in waiters]
        assert {lease.envelope.queue for lease in leases} == {"a", "b"}
        for broker, lease in zip(brokers, leases, strict=True):
            broker.settle([(lease, DONE)])


def test_all_who_sleep_hear_of_a_new_queue(make):
    """Whoever takes its first job is at work when the others come."""
    waiters = [Waiter(make()) for _ in range(4)]
    pusher = make()
    for number in range(4):
        push_new(pusher, "new")
        wait_for(lambda n=number: sum(bool(one.found) for one in waiters) > n)
    assert all(len(one.join()) == 1 for one in waiters)


@pytest.mark.parametrize("pushes", [push, push_new], ids=["push", "push_new"])
def test_what_comes_after_the_server_lost_all_is_found(make, pushes):
    """The register, too, which pushers take to be there."""
    pusher = make()
    push_new(pusher, "q")
    claim(pusher)
    with redis.Redis.from_url(URL, protocol=2) as client:
        client.delete(*client.keys(f"{pusher.place.prefix}:*"))
    waiter = Waiter(make(), redis_queues.RENEW_SECONDS)
    pushes(pusher, "q")
    assert len(waiter.join()) == 1


def test_a_foreign_key_slows_those_who_wait_and_stops_nobody(make, caplog):
    pusher = make()
    push(pusher, "q", "other")
    for _ in range(2):
        claim(pusher)
    with redis.Redis.from_url(URL, protocol=2) as client:
        key = pusher._queues.wake("other")
        client.delete(key)
        client.rpush(key, "something else")
        waiter = Waiter(make())
        with watched(client, pusher.place.prefix) as seen:
            time.sleep(1.5)
    assert 1 <= sum("BZPOPMIN" in command for command in seen) <= 6
    for queue in ("q", "other"):
        push(pusher, queue)
        assert len(waiter.join()) == 1
        waiter = Waiter(waiter.broker)
    waiter.broker.interrupt()
    waiter.join()
    assert caplog.text.count("they look once a second") == 1


def test_a_job_wakes_one_and_not_all(make):
    pusher = make()
    push_new(pusher, "q")
    (lease,) = claim(pusher)
    pusher.settle([(lease, DONE)])
    waiters = [Waiter(make(), 3.0) for _ in range(4)]  # so long that they look seldom
    with (
        redis.Redis.from_url(URL, protocol=2) as client,
        watched(client, pusher.place.prefix) as seen,
    ):
        push_new(pusher, "q")
        wait_for(lambda: any(one.found for one in waiters))
    looked = [command for command in seen if "BZPOPMIN" in command]
    assert len(looked) < len(waiters) - 1, seen
    for one in waiters:
        one.broker.interrupt()
        one.join()


def test_an_interrupt_keeps_the_connection_and_what_came_with_it(make):
    waiter = Waiter(make())
    waiter.broker.interrupt()
    assert waiter.join() == []
    assert waiter.after == waiter.before
    pusher = make()
    for _ in range(20):  # at the very moment
        waiter = Waiter(waiter.broker)
        push(pusher, "q")
        waiter.broker.interrupt()
        leases = waiter.join() or pusher.claim(["q"], limit=9, lease=60, worker="w")
        assert len(leases) == 1
        pusher.settle([(leases[0], DONE)])
        assert pusher.counts("q").leased == 0


def test_what_falls_due_ends_the_sleep_without_a_new_connection(make):
    pusher, broker = make(), make()
    for queue in ("q", "q", "other"):
        waiter = Waiter(broker)
        due = clock.now() + timedelta(seconds=0.3)
        push(pusher, queue, due=due)
        (lease,) = waiter.join()
        assert clock.now() >= due
        assert waiter.after == waiter.before
        broker.settle([(lease, DONE)])


def test_a_script_that_the_server_forgot_is_missed_by_nobody(make):
    pusher, broker = make(), make()
    push(pusher, "q")
    claim(broker)
    waiter = Waiter(broker)
    pusher._link.call("k", "SCRIPT", "FLUSH")
    push(pusher, "q")
    assert len(waiter.join()) == 1


def test_a_server_that_answers_no_more_is_said(make, monkeypatch):
    monkeypatch.setattr(redis_idling, "LATE", 0.1)
    monkeypatch.setattr(redis_idling, "FIRST", 0.1)
    broker = make()
    broker._idling.found()
    monkeypatch.setattr(
        type(broker._idling._blocking),
        "answers",
        _with_longer_timeout(type(broker._idling._blocking).answers),
    )
    began = time.monotonic()
    with pytest.raises(BrokerUnavailable, match="no answer within"):
        claim(broker)
    assert time.monotonic() - began < FOREVER
    monkeypatch.undo()
    push(broker, "q")
    assert len(claim(broker)) == 1


def _with_longer_timeout(answers):
    def call(self, commands, *args, **options):
        first, *rest = commands
        return answers(self, [(*first[:-1], "60"), *rest], *args, **options)

    return call
