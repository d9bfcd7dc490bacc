"""What is Disque's own: leases set when a job is added, nodes, what tells a stale holder."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from django_convoy.brokers.disque import DisqueBroker
from django_convoy.brokers.disque_nodes import Nodes, nodes_of
from django_convoy.brokers.messages import BURIED, Added
from django_convoy.contracts.broker import Counts
from django_convoy.domain import ids
from django_convoy.domain.envelope import NO_NOTE, Lease, Note
from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError
from django_convoy.domain.renewal import Renewal, Renewed
from django_convoy.domain.verdict import DONE, Again, Bury
from django_convoy.framework import task_backends
from tests.brokers.jobs import claim, job
from tests.recipes import fakes
from tests.worker.servers import Server
from tests.worker.site import wait_for

pytestmark = pytest.mark.disque
SECOND = float(fakes.SECOND)


@pytest.fixture
def queue() -> str:
    return f"disque-{ids.token()}"


@pytest.fixture
def make() -> Iterator[Callable[..., DisqueBroker]]:
    made: list[DisqueBroker] = []

    def build(**options: Any) -> DisqueBroker:
        given = {"nodes": os.environ["CONVOY_TEST_DISQUE"], "retry": 300, **options}
        made.append(DisqueBroker(**given))
        return made[-1]

    yield build
    for broker in made:
        broker.close()


@pytest.fixture
def broker(make: Callable[..., DisqueBroker]) -> DisqueBroker:
    return make()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers of the test's own."""
    servers: list[Server] = []

    def begin(*options: str) -> Server:
        def change(recipe: Any) -> None:
            recipe.serve = fakes.disque(recipe.folder, *options).serve

        folder = tmp_path / str(len(servers))
        folder.mkdir()
        servers.append(Server("disque", folder, change))
        return servers[-1]

    yield begin
    for server in servers:
        server.stop()


def lapse(broker: DisqueBroker, lease: Lease) -> None:
    """As its RETRY would, were it over."""
    assert broker._nodes.ask("ENQUEUE", lease.token[1:].partition(":")[0]) == 1


# Leases


def test_a_claim_holds_for_a_whole_retry_however_long_the_job_was_queued(
    make: Callable[..., DisqueBroker], queue: str
) -> None:
    broker = make(retry=10)
    broker.push([job(queue)])
    time.sleep(8 * SECOND)
    (lease,) = claim(broker, queue)
    time.sleep(6 * SECOND)  # by the time it was queued, its RETRY was over long ago
    assert claim(broker, queue) == []
    assert broker.settle([(lease, DONE)]) == [True]


def test_what_is_not_settled_comes_again_by_itself(
    make: Callable[..., DisqueBroker], queue: str
) -> None:
    broker = make(retry=1)
    broker.push([job(queue)])
    claim(broker, queue)
    (again,) = claim(broker, queue, wait=60)
    assert (again.attempt, again.note.suspect) == (2, True)


def test_what_was_delivered_again_is_shown_before_anybody_takes_it(
    broker: DisqueBroker, queue: str
) -> None:
    first, second = pushed = [job(queue), job(queue)]
    broker.push(pushed)
    (lease, _) = claim(broker, queue)
    assert [one.attempt for one in broker.jobs(queue=queue)] == [1, 1]
    assert queue not in broker.info()
    lapse(broker, lease)
    found = broker.find(first.id)
    assert found is not None
    assert (found.state, found.attempt) == ("suspect", 1)
    assert f"{queue}: additional deliveries: 1, of 1 jobs" in broker.info()
    (again,) = claim(broker, queue)
    assert (again.id, again.attempt) == (first.id, 2)
    found = broker.find(first.id)
    assert found is not None
    assert (found.state, found.attempt) == ("leased", 2)
    broker.settle([(again, DONE)])
    other = broker.find(second.id)
    assert other is not None
    assert other.attempt == 1


def test_a_lapsed_job_that_is_held_again_is_on_its_first_attempt(
    broker: DisqueBroker, queue: str
) -> None:
    broker.push([job(queue)])
    (lease,) = claim(broker, queue)
    lapse(broker, lease)
    broker.renew([lease], lease=60)
    (found,) = broker.jobs(queue=queue)
    assert (found.state, found.attempt) == ("leased", 1)


def test_a_renewed_lease_is_held(make: Callable[..., DisqueBroker], queue: str) -> None:
    broker = make(retry=4)
    broker.push([job(queue)])
    leases = claim(broker, queue)
    for _ in range(4):
        time.sleep(2 * SECOND)
        assert broker.renew(leases, lease=4) == [Renewal.HELD]
    assert claim(broker, queue) == []
    assert broker.settle([(leases[0], DONE)]) == [True]


def test_a_stale_holder_leaves_anothers_job_alone(
    make: Callable[..., DisqueBroker], queue: str
) -> None:
    broker, other = make(retry=2), make(retry=300)
    broker.push([job(queue)])
    (stale,) = claim(broker, queue)
    current: list[Lease] = []
    wait_for(lambda: current.extend(claim(other, queue)) or current, "it to lapse")
    time.sleep(2)  # by this host's clock the stale lease may have lapsed
    for verdict in (DONE, Again(0, False, NO_NOTE), Again(0, True, NO_NOTE), Bury(NO_NOTE)):
        assert broker.settle([(stale, verdict)]) == [False]
    assert broker.renew([stale], lease=2) == [Renewal.LOST]
    assert other.settle([(current[0], DONE)]) == [True]
    assert broker.counts(queue) == Counts()


def test_what_lapsed_and_was_not_taken_is_held_again_under_a_new_token(
    broker: DisqueBroker, queue: str
) -> None:
    broker.push([job(queue)])
    (lease,) = claim(broker, queue)
    lapse(broker, lease)
    (answer,) = broker.renew([lease], lease=60)
    assert isinstance(answer, Renewed)
    lease.token = answer.token
    assert claim(broker, queue) == []
    assert broker.renew([lease], lease=60) == [Renewal.HELD]
    assert broker.settle([(lease, Again(0, False, NO_NOTE))]) == [True]
    assert [one.attempt for one in claim(broker, queue)] == [2]


def test_half_of_a_life_over_a_job_cannot_be_held_for_longer(
    make: Callable[..., DisqueBroker], queue: str
) -> None:
    broker = make(retry=5, ttl=20)
    broker.push([job(queue)])
    leases = claim(broker, queue)
    for _ in range(5):
        time.sleep(2 * SECOND)
        broker.renew(leases, lease=5)
    time.sleep(SECOND)
    assert broker.renew(leases, lease=5) == [Renewal.LOST]
    assert broker.settle([(leases[0], DONE)]) == [True]


def test_what_waited_for_half_of_its_life_begins_another(
    make: Callable[..., DisqueBroker], queue: str
) -> None:
    broker = make(retry=5, ttl=20)
    broker.push([job(queue)])
    time.sleep(11 * SECOND)
    (lease,) = claim(broker, queue, wait=60)
    assert lease.attempt == 1
    assert broker.renew([lease], lease=5) == [Renewal.HELD]


def test_a_lease_that_is_longer_than_a_jobs_retry_is_an_error_of_the_settings(
    settings: Any,
) -> None:
    def found(lease: int) -> list[str]:
        settings.TASKS = {
            "default": {
                "BACKEND": "django_convoy.backend.ConvoyBackend",
                "OPTIONS": {"broker": {"name": "disque", "retry": 20}, "lease": lease},
            }
        }
        return [message.id for message in task_backends["default"].check()]

    assert found(20) == []
    assert found(21) == ["convoy.E006"]


# Handing back


def test_what_is_given_back_unchanged_keeps_its_place_and_its_attempt(
    broker: DisqueBroker, queue: str
) -> None:
    pushed = [job(queue) for _ in range(3)]
    broker.push(pushed)
    (first,) = claim(broker, queue, 1)
    assert broker.settle([(first, Again(0, True, first.note))]) == [True]
    again = claim(broker, queue)
    assert [lease.id for lease in again] == [envelope.id for envelope in pushed]
    assert {lease.attempt for lease in again} == {1}
    assert broker.settle([(first, Again(0, True, first.note))]) == [False]  # it is another's now
    assert claim(broker, queue) == []


def test_what_an_interrupted_wait_brings_late_is_given_back(
    make: Callable[..., DisqueBroker], queue: str
) -> None:
    broker, other = make(), make()
    broker.slice_seconds = 600.0
    broker.ping()
    thread = threading.Thread(target=lambda: claim(broker, queue, wait=600))
    thread.start()
    time.sleep(0.2)
    broker.interrupt()
    thread.join()
    assert broker._late is not None
    other.push([job(queue)])
    broker.close()
    (lease,) = claim(other, queue, wait=60)
    assert (lease.attempt, lease.note.suspect) == (1, False)


# Nodes


def nodes_at(server: Server) -> list[str]:
    nodes = Nodes(nodes_of(server.url), None, 5)
    found = [f"{one[1].decode()}:{one[2].decode()}" for one in nodes.ask("HELLO")[2:]]
    nodes.close()
    return found


def shut_down(node: str) -> None:
    nodes = Nodes(nodes_of(node), None, 5)
    with pytest.raises(BrokerUnavailable):
        nodes.ask("SHUTDOWN")
    nodes.close()


def test_another_node_is_asked_when_one_goes_away(
    start: Callable[..., Server], make: Callable[..., DisqueBroker], queue: str
) -> None:
    nodes = nodes_at(start("--nodes", "3"))
    broker = make(nodes=nodes)
    broker.push([job(queue) for _ in range(3)])
    first = broker._nodes.current
    (lease,) = claim(broker, queue, 1)
    shut_down(first)
    assert broker.settle([(lease, DONE)]) == [True]  # its idle connection was seen to be closed
    second = broker._nodes.current
    assert second != first
    shut_down(second)
    assert len(claim(broker, queue)) == 2
    shut_down(broker._nodes.current)
    with pytest.raises(BrokerUnavailable) as caught:
        broker.ping()
    assert all(node in str(caught.value) for node in nodes)


def test_a_wait_at_a_node_that_goes_away_goes_on_at_another(
    start: Callable[..., Server], make: Callable[..., DisqueBroker], queue: str
) -> None:
    nodes = nodes_at(start("--nodes", "2"))
    broker, other = make(nodes=nodes), make(nodes=nodes)
    claimed: list[Lease] = []

    def wait() -> None:
        while not claimed:
            try:
                claimed.extend(claim(broker, queue, wait=5))
            except BrokerUnavailable:
                continue

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.2)
    shut_down(broker._nodes.current)
    other.push([job(queue)])
    thread.join(20)
    assert len(claimed) == 1


def test_nodes_are_tried_in_random_order() -> None:
    known = [f"node-{number}:7711" for number in range(20)]
    orders = {tuple(Nodes(nodes_of(known), None, 1)._order) for _ in range(5)}
    assert len(orders) > 1
    assert all(set(order) == set(nodes_of(known)) for order in orders)


def test_a_copy_that_cannot_be_made_is_no_job(
    make: Callable[..., DisqueBroker], queue: str
) -> None:
    with pytest.raises(BrokerUnavailable, match="NOREPL"):
        make(replicate=2).push([job(queue) for _ in range(3)])
    assert make().counts(queue) == Counts()


def test_a_password_is_asked_for(
    start: Callable[..., Server], make: Callable[..., DisqueBroker], queue: str
) -> None:
    url = start("--password", "secret").url
    make(nodes=url, auth="secret").push([job(queue)])
    for auth in (None, "wrong"):
        with pytest.raises(ConfigurationError, match=r"refused the password \(auth\)"):
            make(nodes=url, auth=auth).ping()


def test_a_fork_has_connections_of_its_own(broker: DisqueBroker, queue: str) -> None:
    broker.push([job(queue)])
    child = os.fork()
    if not child:
        os._exit(0 if len(claim(broker, queue)) == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert claim(broker, queue) == []


# Options, and what others put there


def test_nodes_may_be_named_in_many_ways() -> None:
    assert nodes_of("a:1, b:2,disque://c:3") == [("a", 1), ("b", 2), ("c", 3)]
    assert nodes_of(["a", "b:2"]) == [("a", 7711), ("b", 2)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"nodes": []}, "at least one node"),
        ({"nodes": ["a:b"]}, "'host:port'"),
        ({"nodes": 7711}, "list of 'host:port'"),
        ({"retry": 0}, "retry must be a whole number"),
        ({"ttl": 1.5}, "ttl must be a whole number"),
        ({"retry": 60, "ttl": 100}, "four times retry"),
        ({"node": "a:1"}, "did you mean 'nodes'"),
    ],
)
def test_what_cannot_work_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        DisqueBroker(**options)


@pytest.mark.parametrize("fastack", [False, True])
def test_jobs_are_acknowledged_either_way(
    make: Callable[..., DisqueBroker], queue: str, fastack: bool
) -> None:
    broker = make(fastack=fastack)
    broker.push([job(queue)])
    assert broker.settle([(claim(broker, queue)[0], DONE)]) == [True]
    assert broker.counts(queue) == Counts()


@pytest.mark.parametrize("body", [b"", b"no job", b"\xff\xfe", b"[1,2]", b"[" * 5000])
def test_what_is_no_job_is_set_aside(
    broker: DisqueBroker, queue: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    broker._add(queue, [Added(body)])
    broker.push([job(queue)])
    assert len(claim(broker, queue)) == 1
    assert broker.counts(queue) == Counts(leased=1, buried=1)
    assert caplog.text.count("set aside") == 1
    assert broker._nodes.ask("QPEEK", queue + BURIED, 1)[0][2] == body
    assert list(broker.jobs(queue=queue, state="buried")) == []  # no job, so none is shown


def test_a_queue_that_is_paused_on_the_server_is_shown(broker: DisqueBroker, queue: str) -> None:
    broker.push([job(queue)])
    broker._nodes.ask("PAUSE", queue, "in")
    assert f"{queue}: paused (in)" in broker.info()
    assert "Disque 1.0-rc1 at 127.0.0.1" in broker.info()
    with pytest.raises(BrokerUnavailable, match="PAUSED"):
        broker.push([job(queue)])
    broker._nodes.ask("PAUSE", queue, "none")
    assert "paused" not in broker.info()


def test_a_queue_is_deleted_with_all_that_belongs_to_it(broker: DisqueBroker, queue: str) -> None:
    broker.push([job(queue) for _ in range(5)])
    leases = claim(broker, queue, 3)
    broker.settle([(leases[1], Bury(NO_NOTE)), (leases[0], Again(9, False, Note(suspect=True)))])
    assert broker.delete(queue) == 5
    assert queue not in broker.queues()
    assert broker.settle([(leases[2], DONE)]) == [False]
