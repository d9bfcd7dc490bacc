"""Handles that change, what they count, and what waits leave behind."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from django_convoy.brokers.ironmq import IronMQBroker
from django_convoy.brokers.ironmq_client import Client
from django_convoy.brokers.messages import handle_of
from django_convoy.contracts.broker import Counts
from django_convoy.domain.envelope import NO_NOTE
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.domain.renewal import Renewal, Renewed
from django_convoy.domain.verdict import DONE, Again, Bury
from tests.brokers.jobs import claim, job
from tests.worker.site import wait_for

pytestmark = pytest.mark.ironmq


def test_a_renewal_gives_another_token_and_the_old_one_settles_nothing(
    broker: IronMQBroker,
) -> None:
    broker.push([job("q")])
    (lease,) = claim(broker)
    (answer,) = broker.renew([lease], lease=60)
    assert isinstance(answer, Renewed)
    for verdict in (DONE, Again(0, False, NO_NOTE), Bury(NO_NOTE)):
        assert broker.settle([(lease, verdict)]) == [False]
    assert broker.renew([lease], lease=60) == [Renewal.LOST]
    assert broker.counts("q") == Counts(ready=1)
    assert broker.settle([(replace(lease, token=answer.token), DONE)]) == [True]


def test_renewals_are_not_counted_as_deliveries(broker: IronMQBroker) -> None:
    broker.push([job("q")])
    for attempt, crashes in ((1, 0), (2, 0), (3, 1)):
        (lease,) = claim(broker, lease=1, wait=60)
        assert (lease.attempt, lease.note.crashes) == (attempt, crashes)
        assert lease.note.suspect == (attempt > 1)
        for _ in range(4):
            (answer,) = broker.renew([lease], lease=1)
            assert isinstance(answer, Renewed)
            lease.token = answer.token


def test_what_was_not_reached_in_time_is_asked_for_again(broker: IronMQBroker) -> None:
    broker.push([job("q")])
    (lease,) = claim(broker)
    assert broker._api.touch([handle_of(lease)], 60, 0.0) == [None]


def test_a_settle_that_is_repeated_adds_nothing_twice(
    broker: IronMQBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks after the follower was added, before the old message was dropped."""
    broker.push([job("q")])
    (lease,) = claim(broker)
    with monkeypatch.context() as patch:
        patch.setattr(broker._api, "drop", _broken)
        with pytest.raises(BrokerUnavailable):
            broker.settle([(lease, Again(0, False, NO_NOTE))])
    assert broker.settle([(lease, Again(0, False, NO_NOTE))]) == [True]
    assert [one.attempt for one in claim(broker)] == [2]


def _broken(*args: Any) -> Any:
    raise BrokerUnavailable("broken")


def test_what_was_dropped_before_the_answer_was_lost_counts_as_dropped(
    broker: IronMQBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.push([job("q") for _ in range(5)])
    leases = claim(broker)
    call = Client.call

    def breaking(self: Client, method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = call(self, method, path, body, **options)
        if method == "DELETE":
            raise BrokerUnavailable("the answer was lost")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Client, "call", breaking)
        with pytest.raises(BrokerUnavailable):
            broker.settle([(lease, DONE) for lease in leases])
    assert broker.settle([(lease, DONE) for lease in leases]) == [True] * 5


# Waits


def test_what_an_interrupted_wait_brings_late_is_given_back(
    make: Callable[..., IronMQBroker],
) -> None:
    broker, other = make(), make()
    broker.push([])
    thread = threading.Thread(target=lambda: claim(broker, wait=600))
    thread.start()
    wait_for(lambda: broker._api._known, "it to wait")
    time.sleep(0.1)
    broker.interrupt()
    thread.join()
    assert broker._late is not None
    other.push([job("q")])
    broker.close()
    (lease,) = claim(other, wait=60)
    assert (lease.attempt, lease.note.suspect) == (1, False)


def test_the_next_wait_goes_on_with_an_interrupted_one(broker: IronMQBroker) -> None:
    thread = threading.Thread(target=lambda: claim(broker, wait=600))
    thread.start()
    wait_for(lambda: broker._api._known, "it to wait")
    time.sleep(0.1)
    broker.interrupt()
    thread.join()
    broker.push([job("q")])
    assert len(claim(broker, wait=600)) == 1


def test_a_worker_without_queues_rests(broker: IronMQBroker, requests: Any) -> None:
    assert broker.claim([], limit=1, lease=60, worker="w", wait=0.2) == []
    assert requests == []


def test_an_idle_worker_sends_two_requests_per_poll(
    make: Callable[..., IronMQBroker], requests: Any
) -> None:
    broker = make(poll=1)
    assert claim(broker, wait=1.5) == []
    waits = [body.get("wait", 0) for _, path, body in requests if path == "queues/q/reservations"]
    others = [path for _, path, _ in requests if "reservations" not in path]
    assert set(waits[:-1]) == {1}  # the last is for what is left of the time
    assert len(others) <= len(waits) + 2  # and the queue was made
