"""What is IronMQ's own: requests and their limits, dead letters, handles that change."""

import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from django_convoy.brokers.ironmq import IronMQBroker
from django_convoy.brokers.ironmq_client import Client
from django_convoy.brokers.messages import BURIED, SUSPECTS, Added, handle_of
from django_convoy.contracts.broker import Counts
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease, Note
from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError, PayloadError
from django_convoy.domain.renewal import Renewal, Renewed
from django_convoy.domain.verdict import DONE, Again, Bury
from tests.worker.site import wait_for

pytestmark = pytest.mark.ironmq


class Impatient(IronMQBroker):
    shortest_lease = 1


def job(queue: str, payload: str = "{}") -> Envelope:
    return Envelope(ids.job_id(), queue, "a.b", payload, "1j-:x", "k", 0, clock.now())


@pytest.fixture
def make() -> Iterator[Callable[..., IronMQBroker]]:
    parts = urlsplit(os.environ["CONVOY_TEST_IRONMQ"])
    where = {"host": parts.hostname, "port": parts.port, "protocol": "http"}
    project = ids.token()
    made: list[IronMQBroker] = []

    def build(**options: Any) -> IronMQBroker:
        given = {**where, "project_id": project, "token": "token", **options}
        made.append(Impatient(**given))
        return made[-1]

    yield build
    for broker in made:
        broker.close()


@pytest.fixture
def broker(make: Callable[..., IronMQBroker]) -> IronMQBroker:
    return make()


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Any]]:
    """What is sent from now on."""
    sent: list[tuple[str, str, Any]] = []
    begin = Client.begin

    def noted(self: Client, method: str, path: str, body: Any = None, **options: Any) -> Any:
        sent.append((method, path, body))
        return begin(self, method, path, body, **options)

    monkeypatch.setattr(Client, "begin", noted)
    return sent


def claim(broker: IronMQBroker, limit: int = 100, **options: Any) -> list[Lease]:
    options = {"lease": 60, "worker": "w", **options}
    return broker.claim(["q"], limit=limit, **options)


def fail_next(broker: IronMQBroker, status: int, count: int) -> None:
    settings = broker._api.client.settings
    connection = http.client.HTTPConnection(settings.host, settings.port)
    body = json.dumps({"status": status, "count": count})
    connection.request("POST", "/fake/errors", body)
    assert connection.getresponse().status == 200
    connection.close()


# Requests


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


def test_a_busy_server_is_asked_again(broker: IronMQBroker) -> None:
    broker.push([job("q")])
    for status in (503, 504):
        fail_next(broker, status, 2)
        assert broker.counts("q") == Counts(ready=1)


def test_one_that_stays_busy_is_unavailable(
    broker: IronMQBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django_convoy.brokers.ironmq_client.PAUSES", (0.01, 0.01))
    fail_next(broker, 503, 3)
    with pytest.raises(BrokerUnavailable, match="503"):
        broker.ping()
    broker.ping()


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


# Sizes and delays


def test_a_job_that_is_too_large_is_refused_when_it_is_pushed(broker: IronMQBroker) -> None:
    with pytest.raises(PayloadError, match=r"pass less.*max_message"):
        broker.push([job("q"), job("q", "x" * 70_000)])
    assert claim(broker) == []


def test_a_note_that_is_too_long_is_shortened(broker: IronMQBroker) -> None:
    broker.push([job("q", "x" * 60_000)])
    (lease,) = claim(broker)
    errors = tuple({"message": "x" * 1000, "attempt": number} for number in range(9))
    note = Note(errors=errors, failures=9, crashes=2, ended="y" * 300)
    assert broker.settle([(lease, Again(0, False, note))]) == [True]
    (lease,) = claim(broker)
    assert (lease.note.failures, lease.note.crashes, lease.note.errors) == (9, 2, ())
    assert lease.note.ended == "y" * 100


def test_no_delay_is_longer_than_a_week(broker: IronMQBroker, requests: Any) -> None:
    broker._add("q", [Added("{}", 8 * 86_400), Added("{}", 0.2), Added("{}", 0)])
    (body,) = [body for _, path, body in requests if path == "queues/q/messages"]
    assert [one.get("delay", 0) for one in body["messages"]] == [604_800, 1, 0]


def test_queues_that_are_made_keep_messages_for_a_month_and_others_stay_as_they_are(
    broker: IronMQBroker,
) -> None:
    broker._api._ask("PUT", "queues/other", {"queue": {"message_expiration": 3600}})
    broker.push([job("q"), job("other")])
    assert broker._api.queue("q")["message_expiration"] == 30 * 86_400
    assert broker._api.queue("other")["message_expiration"] == 3600


# Handles that change, and what they count


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


# Dead letters, counts, what others put there


def dead_letters(broker: IronMQBroker, most: int) -> None:
    dead = {"dead_letter": {"queue_name": "dead", "max_reservations": most}}
    broker._api._ask("PUT", "queues/q", {"queue": dead})


def test_the_servers_limit_of_deliveries_holds_over_retries(
    broker: IronMQBroker, caplog: pytest.LogCaptureFixture
) -> None:
    dead_letters(broker, 2)
    broker.push([job("q")])
    for _ in range(2):
        (lease,) = claim(broker)
        broker.settle([(lease, Again(0, False, NO_NOTE))])
    assert claim(broker) == []
    assert "delivered 2 times, which is the limit of its queue" in caplog.text
    assert broker._api.size("dead") == 1
    assert broker.counts("q") == Counts(buried=1)


def test_dead_letters_are_shown(broker: IronMQBroker) -> None:
    dead_letters(broker, 7)
    broker.push([job("q")])
    shown = broker.info()
    assert "q: 1 messages, kept for 7 days; to dead after 7 reservations" in shown
    assert "token" not in shown


@pytest.mark.parametrize("body", ["", "no job", "[1,2]", '{"a": 1}', "\x00", "[" * 5000])
def test_what_is_no_job_is_set_aside(
    broker: IronMQBroker, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    broker._add("q", [Added(body)])
    broker.push([job("q")])
    assert len(claim(broker)) == 1
    assert broker.counts("q") == Counts(ready=1, buried=1)
    assert caplog.text.count("set aside") == 1
    (kept,) = broker._api.reserve("q" + BURIED, 9, 60)
    assert kept.body == body


def test_a_job_of_another_queue_is_set_aside(broker: IronMQBroker) -> None:
    broker._add("q", [Added(broker._packed(job("other")))])
    assert claim(broker) == []
    assert broker.counts("q").buried == 1


def test_a_purge_leaves_what_is_held_and_what_is_delayed(broker: IronMQBroker) -> None:
    broker.push([job("q") for _ in range(5)])
    leases = claim(broker, 2)
    broker.settle([(leases[1], Bury(NO_NOTE))])
    broker._add("q", [Added(broker._packed(job("q")), 60)])
    assert broker.purge("q") == 4
    assert broker.counts("q") == Counts(ready=2)
    assert broker.settle([(leases[0], DONE)]) == [True]


def test_a_queue_is_deleted_with_all_that_belongs_to_it(broker: IronMQBroker) -> None:
    broker.push([job("q") for _ in range(5)])
    leases = claim(broker, 2)
    broker.settle([(leases[1], Bury(NO_NOTE)), (leases[0], Again(0, False, Note(suspect=True)))])
    assert broker.delete("q") == 5
    assert [broker._api.queue("q" + kind) for kind in ("", SUSPECTS, BURIED)] == [None] * 3
    assert broker.delete("q") == 0
    broker.push([job("q")])
    assert len(claim(broker)) == 1
