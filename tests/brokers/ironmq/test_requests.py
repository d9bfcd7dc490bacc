"""Which requests are made of IronMQ, and what is made of its answers."""

import http.client
import json
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from django_convoy.brokers.ironmq import IronMQBroker
from django_convoy.contracts.broker import Counts
from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError
from django_convoy.domain.verdict import DONE
from tests.brokers.jobs import claim, job

pytestmark = pytest.mark.ironmq


def fail_next(broker: IronMQBroker, status: int, count: int) -> None:
    settings = broker._api.client.settings
    connection = http.client.HTTPConnection(settings.host, settings.port)
    body = json.dumps({"project": settings.project_id, "status": status, "count": count})
    connection.request("POST", "/fake/errors", body)
    assert connection.getresponse().status == 200
    connection.close()


def test_a_batch_takes_a_request_for_each_hundred(broker: IronMQBroker, requests: Any) -> None:
    pushed = [job("q") for _ in range(250)]
    broker.push(pushed)
    posted = [len(body["messages"]) for _, path, body in requests if path == "queues/q/messages"]
    assert posted == [100, 100, 50]
    leases = [lease for _ in range(3) for lease in claim(broker)]
    assert [lease.id for lease in leases] == [envelope.id for envelope in pushed]
    requests.clear()
    assert broker.settle([(lease, DONE) for lease in leases]) == [True] * 250
    assert [len(body["ids"]) for _, _, body in requests] == [100, 100, 50]


def test_a_request_carries_no_more_than_the_server_takes(
    broker: IronMQBroker, requests: Any
) -> None:
    broker.push([job("q", "x" * 60_000) for _ in range(9)])
    posted = [len(body["messages"]) for _, path, body in requests if path == "queues/q/messages"]
    assert posted == [4, 4, 1]


def test_a_queue_is_never_cleared_by_an_empty_batch(broker: IronMQBroker, requests: Any) -> None:
    broker.push([job("q")])
    assert broker.settle([]) == []
    broker._api.drop([])
    assert not [one for one in requests if one[0] == "DELETE"]
    assert broker.counts("q").ready == 1


BUSY = pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520])


@BUSY
def test_a_busy_server_is_asked_again(
    broker: IronMQBroker, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("django_convoy.brokers.ironmq_client.PAUSES", (0.01, 0.01))
    broker.push([job("q")])
    fail_next(broker, status, 2)
    assert broker.counts("q") == Counts(ready=1)


@BUSY
def test_one_that_stays_busy_is_unavailable(
    broker: IronMQBroker, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("django_convoy.brokers.ironmq_client.PAUSES", (0.01, 0.01))
    fail_next(broker, status, 3)
    with pytest.raises(BrokerUnavailable, match=str(status)):
        broker.ping()
    broker.ping()


@BUSY
def test_a_wait_that_a_busy_server_ends_tells_the_worker_to_come_again(
    broker: IronMQBroker, status: int
) -> None:
    broker.push([])
    broker._api.ensure("q")
    fail_next(broker, status, 1)
    broker._look_at["q"] = float("inf")  # the wait is the only request
    with pytest.raises(BrokerUnavailable, match=str(status)):
        broker._take(["q"], 1, 60, 5)
    broker.push([job("q")])
    assert len(claim(broker)) == 1


def test_a_token_that_is_refused_once_it_worked_is_waited_for(broker: IronMQBroker) -> None:
    """Somebody replaces it: no worker ends of that."""
    broker.push([job("q")])
    fail_next(broker, 401, 1)
    with pytest.raises(BrokerUnavailable, match="which it took before"):
        claim(broker)
    assert len(claim(broker)) == 1


def test_a_token_that_is_refused_is_an_error_of_the_settings(
    make: Callable[..., IronMQBroker],
) -> None:
    broker = make(token="wrong")
    for act in (broker.ping, lambda: broker.push([job("q")]), lambda: claim(broker)):
        with pytest.raises(ConfigurationError, match="check token and project_id") as caught:
            act()
        assert "wrong" not in str(caught.value)


def test_a_server_that_is_not_there_is_unavailable(make: Callable[..., IronMQBroker]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        broker = make(port=probe.getsockname()[1], timeout=1)
        with pytest.raises(BrokerUnavailable, match="project"):
            broker.ping()


def test_a_server_that_says_nothing_is_unavailable(make: Callable[..., IronMQBroker]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        broker = make(port=silent.getsockname()[1], timeout=0.2, poll=1)
        with pytest.raises(BrokerUnavailable):
            broker.ping()


def test_connections_are_kept_and_replaced_when_the_server_closed_them(
    broker: IronMQBroker,
) -> None:
    broker.ping()
    (connection,) = broker._api.client._idle
    broker.ping()
    assert list(broker._api.client._idle) == [connection]
    connection.sock.shutdown(socket.SHUT_RDWR)
    broker.ping()
    assert list(broker._api.client._idle) != [connection]


def test_threads_have_connections_of_their_own(broker: IronMQBroker) -> None:
    pushed = [job("q") for _ in range(40)]
    threads = [
        threading.Thread(target=broker.push, args=[pushed[start : start + 10]])
        for start in range(0, 40, 10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {lease.id for lease in claim(broker)} == {envelope.id for envelope in pushed}


def test_a_fork_has_connections_of_its_own(broker: IronMQBroker) -> None:
    broker.push([job("q")])
    child = os.fork()
    if not child:
        os._exit(0 if len(claim(broker)) == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert claim(broker) == []
