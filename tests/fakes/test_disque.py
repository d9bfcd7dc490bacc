"""The fake of Disque answers as 1.0-rc1 was measured to."""

import os
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from django_convoy.brokers.disque_nodes import nodes_of
from django_convoy.domain import ids
from tests.worker.site import wait_for

pytestmark = pytest.mark.disque
UNKNOWN = "D-00000000-000000000000000000000000-05a1"


class Asked:
    """A connection that says commands as words."""

    def __init__(self) -> None:
        ((host, port),) = nodes_of(os.environ["CONVOY_TEST_DISQUE"])
        self.client = redis.Redis(
            host, port, protocol=2, socket_timeout=20, retry=Retry(NoBackoff(), 0)
        )

    def __call__(self, *words: Any) -> Any:
        return self.client.execute_command(*words)


@pytest.fixture
def ask() -> Iterator[Asked]:
    made = Asked()
    yield made
    made.client.close()


@pytest.fixture
def queue() -> str:
    return f"fake-{ids.token()}"


def refused(ask: Asked, *words: Any) -> str:
    with pytest.raises(redis.exceptions.ResponseError) as caught:
        ask(*words)
    return str(caught.value)


def test_a_job_goes_in_and_out(ask: Asked, queue: str) -> None:
    job = ask("ADDJOB", queue, "body", 0)
    assert re.fullmatch(rb"D-[0-9a-f]{8}-[A-Za-z0-9+/]{24}-05a1", job)
    assert len(job) == 40
    assert ask("QLEN", queue) == 1
    assert ask("QPEEK", queue, 9) == [[queue.encode(), job, b"body"]]
    assert ask("GETJOB", "NOHANG", "FROM", queue) == [[queue.encode(), job, b"body"]]
    assert ask("GETJOB", "NOHANG", "FROM", queue) is None
    assert [ask("ACKJOB", job), ask("ACKJOB", job), ask("NACK", job)] == [1, 0, 0]


def test_counters_and_several_queues(ask: Asked, queue: str) -> None:
    second = ask("ADDJOB", f"{queue}-2", "b", 0)
    first = ask("ADDJOB", queue, "a", 0)
    found = ask("GETJOB", "NOHANG", "COUNT", 9, "WITHCOUNTERS", "FROM", queue, f"{queue}-2")
    assert [one[1] for one in found] == [first, second]
    assert found[0][3:] == [b"nacks", 0, b"additional-deliveries", 0]
    assert ask("NACK", first) == 1
    assert ask("ENQUEUE", second) == 1
    found = ask("GETJOB", "NOHANG", "COUNT", 9, "WITHCOUNTERS", "FROM", queue, f"{queue}-2")
    assert [(one[4], one[6]) for one in found] == [(1, 0), (0, 1)]


def test_what_is_not_acknowledged_comes_again_before_what_is_younger(
    ask: Asked, queue: str
) -> None:
    job = ask("ADDJOB", queue, "old", 0, "RETRY", 1)
    ask("GETJOB", "FROM", queue)
    ask("ADDJOB", queue, "young", 0)
    wait_for(lambda: ask("QLEN", queue) == 2, "it to be queued again")
    (again,) = ask("GETJOB", "WITHCOUNTERS", "FROM", queue)
    assert (again[1], again[6]) == (job, 1)


def test_working_postpones_and_takes_out_of_the_queue(ask: Asked, queue: str) -> None:
    job = ask("ADDJOB", queue, "x", 0, "RETRY", 50)
    assert ask("WORKING", job) == 50
    assert ask("QLEN", queue) == 0
    ask("ACKJOB", job)
    assert "NOJOB" in refused(ask, "WORKING", job)
    short = ask("ADDJOB", queue, "x", 0, "RETRY", 1, "TTL", 2)
    wait_for(lambda: _too_late(ask, short), "half of its life to be over")


def _too_late(ask: Asked, job: bytes) -> bool:
    try:
        ask("WORKING", job)
    except redis.exceptions.ResponseError as error:
        return "TOOLATE" in str(error)
    return False


def test_a_delayed_job_is_not_queued_before(ask: Asked, queue: str) -> None:
    job = ask("ADDJOB", queue, "x", 0, "DELAY", 2)
    assert ask("QLEN", queue) == 0
    listed = ask("JSCAN", 0, "COUNT", 1_000_000, "QUEUE", queue, "STATE", "active")
    assert listed == [b"0", [job]]
    assert [one[1] for one in ask("GETJOB", "TIMEOUT", 60_000, "FROM", queue)] == [job]


def test_a_blocked_getjob_wakes(ask: Asked, queue: str) -> None:
    found: list[Any] = []
    other = Asked()
    thread = threading.Thread(target=lambda: found.extend(other("GETJOB", "FROM", queue)))
    thread.start()
    thread.join(0.2)
    job = ask("ADDJOB", queue, "x", 0)
    thread.join(20)
    assert [one[1] for one in found] == [job]
    assert ask("GETJOB", "TIMEOUT", 100, "FROM", queue) is None


def test_who_is_gone_is_given_nothing(ask: Asked, queue: str) -> None:
    other = Asked()
    other.client.connection_pool.get_connection().send_command("GETJOB", "FROM", queue)
    other.client.close()
    other.client.connection_pool.disconnect()
    assert ask("PING")
    job = ask("ADDJOB", queue, "x", 0)
    assert [one[1] for one in ask("GETJOB", "NOHANG", "FROM", queue)] == [job]


def test_a_job_is_shown(ask: Asked, queue: str) -> None:
    job = ask("ADDJOB", queue, "body", 0, "RETRY", 30, "TTL", 600)
    flat = ask("SHOW", job)
    shown = dict(zip(flat[::2], flat[1::2], strict=True))
    wanted = {b"id": job, b"queue": queue.encode(), b"state": b"queued", b"retry": 30}
    wanted |= {b"nacks": 0, b"additional-deliveries": 0, b"body": b"body", b"delay": 0}
    assert wanted.items() <= shown.items()
    assert ask("SHOW", UNKNOWN) is None
    flat = ask("QSTAT", queue)
    assert dict(zip(flat[::2], flat[1::2], strict=True))[b"len"] == 1
    assert ask("QSTAT", f"{queue}-none") is None
    assert queue.encode() in ask("QSCAN", 0, "MINLEN", 1)[1]


def test_a_scan_has_pages(ask: Asked, queue: str) -> None:
    jobs = [ask("ADDJOB", queue, "x", 0) for _ in range(25)]
    seen: list[bytes] = []
    cursor = b"0"
    while True:
        cursor, page = ask("JSCAN", cursor, "COUNT", 7, "QUEUE", queue)
        seen += page
        if cursor == b"0":
            break
    assert sorted(seen) == sorted(jobs)


def test_errors_say_what_the_servers_do(ask: Asked, queue: str) -> None:
    assert "BADID" in refused(ask, "ACKJOB", "zzz")
    assert "NOREPL" in refused(ask, "ADDJOB", queue, "x", 0, "REPLICATE", 3)
    assert "DELAY" in refused(ask, "ADDJOB", queue, "x", 0, "DELAY", 10, "TTL", 10)
    assert "syntax" in refused(ask, "ADDJOB", queue, "x", 0, "FOO", 1)
    refused(ask, "ADDJOB", queue, "x", 0, "DELAY", "0.5")
    ask("ADDJOB", queue, "x", 0)
    assert "MAXLEN" in refused(ask, "ADDJOB", queue, "x", 0, "MAXLEN", 1)
    assert "wrong number" in refused(ask, "HELLO", "3")
    assert "unknown command" in refused(ask, "SELECT", 1)
    with pytest.raises(redis.exceptions.AuthenticationError, match="no password is set"):
        ask("AUTH", "x")


def test_a_paused_queue_takes_or_gives_nothing(ask: Asked, queue: str) -> None:
    job = ask("ADDJOB", queue, "x", 0)
    assert ask("PAUSE", queue, "in") == b"in"
    assert "PAUSED" in refused(ask, "ADDJOB", queue, "x", 0)
    assert ask("PAUSE", queue, "out") == b"all"
    assert ask("GETJOB", "NOHANG", "FROM", queue) is None
    assert ask("PAUSE", queue, "none") == b"none"
    assert [one[1] for one in ask("GETJOB", "NOHANG", "FROM", queue)] == [job]


def test_it_says_who_it_is(ask: Asked) -> None:
    version, me, *nodes = ask("HELLO")
    assert version == 1
    assert me in [node[0] for node in nodes]
    assert ask.client.info()["disque_version"] == "1.0-rc1"
    assert ask.client.ping()
