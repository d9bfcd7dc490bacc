"""Queues on the server: how they are made, counted, emptied and removed, and what is set aside."""

import json
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from django_convoy.brokers.sqs import SqsBroker
from django_convoy.brokers.sqs_client import Refused
from django_convoy.brokers.sqs_queues import Queues
from django_convoy.contracts.broker import Counts
from django_convoy.domain.envelope import NO_NOTE, Note
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.domain.verdict import DONE, Again, Bury
from tests.sqs.jobs import claim, job
from tests.worker.servers import Server

pytestmark = pytest.mark.sqs
Make = Callable[..., SqsBroker]


def attributes(server: Any, name: str) -> dict[str, str]:
    url = server.get_queue_url(QueueName=name)["QueueUrl"]
    found: dict[str, str] = server.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return found["Attributes"]  # type: ignore[return-value]


def test_queues_are_made_on_demand_and_keep_jobs_as_long_as_they_can(
    make: Make, server: Any, queue: str
) -> None:
    make(max_message=256 * 1024).push([job(queue)])
    made = attributes(server, f"convoy-{queue}")
    assert made["MessageRetentionPeriod"] == str(14 * 86400)
    assert made["MaximumMessageSize"] == str(256 * 1024)
    make(fifo=True, prefix="x-").push([job(queue)])
    made = attributes(server, f"x-{queue}.fifo")
    assert made["FifoThroughputLimit"] == "perMessageGroupId"


def test_a_queue_that_is_there_is_used_as_it_is(make: Make, server: Any, queue: str) -> None:
    server.create_queue(QueueName=f"convoy-{queue}", Attributes={"MessageRetentionPeriod": "600"})
    broker = make()
    broker.push([job(queue)])
    assert attributes(server, f"convoy-{queue}")["MessageRetentionPeriod"] == "600"
    assert len(claim(broker, queue)) == 1


def test_looking_makes_no_queue(make: Make, server: Any, queue: str) -> None:
    broker = make()
    assert broker.counts(queue) == Counts()
    assert broker.purge(queue) == broker.delete(queue) == 0
    with pytest.raises(server.exceptions.QueueDoesNotExist):
        server.get_queue_url(QueueName=f"convoy-{queue}")


def test_a_job_that_lapses_too_often_goes_where_the_policy_says(
    make: Make, server: Any, queue: str
) -> None:
    broker = make(redrive={"max_receives": 2})
    broker.push([job(queue)])
    policy = json.loads(attributes(server, f"convoy-{queue}")["RedrivePolicy"])
    assert policy["maxReceiveCount"] == 2
    assert policy["deadLetterTargetArn"].endswith(f":convoy-{queue}-buried")
    for _ in range(2):
        assert len(claim(broker, queue, lease=1, wait=60)) == 1
    assert claim(broker, queue, wait=3) == []
    assert broker.counts(queue) == Counts(buried=1)
    assert broker.revive_all(queue) == 1
    (lease,) = claim(broker, queue)
    assert (lease.attempt, lease.note) == (1, NO_NOTE)


def test_retries_and_releases_do_not_count_against_the_policy(make: Make, queue: str) -> None:
    broker = make(redrive={"max_receives": 1})
    broker.push([job(queue)])
    for _ in range(5):
        (lease,) = claim(broker, queue)
        broker.settle([(lease, Again(0, False, NO_NOTE))])
    assert broker.counts(queue) == Counts(ready=1)


def test_the_policy_may_name_a_queue_for_all(make: Make, server: Any, queue: str) -> None:
    broker = make(redrive={"max_receives": 3, "queue": f"dead-{queue}"})
    broker.push([job(queue), job(f"{queue}-2")])
    policies = [
        json.loads(attributes(server, f"convoy-{name}")["RedrivePolicy"])["deadLetterTargetArn"]
        for name in (queue, f"{queue}-2")
    ]
    assert len(set(policies)) == 1
    assert policies[0].endswith(f":dead-{queue}")


def test_what_lapsed_into_a_queue_for_all_is_counted_as_buried(make: Make, queue: str) -> None:
    broker = make(redrive={"max_receives": 1, "queue": f"dead-{queue}"})
    broker.push([job(queue)])
    assert len(claim(broker, queue, lease=1)) == 1
    assert claim(broker, queue, wait=3) == []
    for one in (broker, make()):  # whoever looks, by the server's policy
        assert one.counts(queue) == Counts(buried=1)
    assert broker.counts(f"{queue}-2") == Counts()


def test_a_dead_letter_queue_that_is_not_ours_to_see_is_left_out(
    make: Make, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = make(redrive={"max_receives": 1, "queue": f"dead-{queue}"})
    broker.push([job(queue)])
    attributes = Queues.attributes

    def limited(self: Queues, url: str, *names: str) -> dict[str, str]:
        if "/dead-" in url:
            raise Refused("no", "AccessDenied")
        return attributes(self, url, *names)

    monkeypatch.setattr(Queues, "attributes", limited)
    assert broker.counts(queue) == Counts(ready=1)


def test_limits_of_the_server_are_shown(make: Make, server: Any, queue: str) -> None:
    dead = server.create_queue(QueueName=f"dead-{queue}")["QueueUrl"]
    arn = server.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    policy = {"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 7}
    prefix = queue[-8:] + "-"
    server.create_queue(
        QueueName=f"{prefix}mail",
        Attributes={"RedrivePolicy": json.dumps(policy), "MessageRetentionPeriod": "172800"},
    )
    told = make(prefix=prefix).info()
    assert "standard queues" in told
    assert f"{prefix}mail: keeps jobs for 2 days" in told
    assert f"after 7 lapsed leases a job goes to dead-{queue}" in told


def test_what_is_no_job_is_set_aside_and_holds_up_nobody(
    make: Make, server: Any, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    broker = make()
    broker.push([job(queue)])
    url = server.get_queue_url(QueueName=f"convoy-{queue}")["QueueUrl"]
    for body in ("hello", "[1,2", '{"a":1}', '[1,"x"]'):
        server.send_message(QueueUrl=url, MessageBody=body)
    other = make()
    other.push([job(f"{queue}-other")])
    (lost,) = server.receive_message(
        QueueUrl=server.get_queue_url(QueueName=f"convoy-{queue}-other")["QueueUrl"]
    )["Messages"]
    server.send_message(QueueUrl=url, MessageBody=lost["Body"])  # into the wrong queue
    broker.push([job(queue)])
    with caplog.at_level(logging.WARNING, "django_convoy.broker"):
        assert len(claim(broker, queue)) == 2
    said = [one.getMessage() for one in caplog.records]
    assert len(said) == 5
    assert all(f"convoy-{queue}-buried" in one for one in said)
    assert broker.counts(queue) == Counts(leased=2, buried=5)


def test_what_is_set_aside_can_be_made_ready_again(make: Make, server: Any, queue: str) -> None:
    broker = make()
    envelopes = [job(queue) for _ in range(12)]
    broker.push(envelopes)
    leases = claim(broker, queue, limit=20)
    broker.settle([(one, Bury(Note(failures=3, crashes=2))) for one in leases])
    url = server.get_queue_url(QueueName=f"convoy-{queue}-buried")["QueueUrl"]
    server.send_message(QueueUrl=url, MessageBody="no job")
    assert broker.counts(queue) == Counts(buried=13)
    assert broker.revive_all(queue) == 12
    again = claim(broker, queue, limit=20)
    assert sorted(one.id for one in again) == sorted(one.id for one in envelopes)
    assert {(one.attempt, one.note) for one in again} == {(1, NO_NOTE)}
    assert broker.counts(queue).buried == 1


def test_a_job_that_somebody_moved_back_starts_anew(make: Make, server: Any, queue: str) -> None:
    broker = make()
    broker.push([job(queue)])
    (lease,) = claim(broker, queue)
    broker.settle([(lease, Bury(Note(crashes=9)))])
    url = server.get_queue_url(QueueName=f"convoy-{queue}-buried")["QueueUrl"]
    (message,) = server.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    server.send_message(
        QueueUrl=server.get_queue_url(QueueName=f"convoy-{queue}")["QueueUrl"],
        MessageBody=message["Body"],
        MessageAttributes=message["MessageAttributes"],
    )
    (back,) = claim(broker, queue)
    assert (back.attempt, back.note) == (1, NO_NOTE)


def test_a_purge_of_what_nobody_holds_takes_all(make: Make, queue: str) -> None:
    broker = make()
    for _ in range(2):  # the server purges a queue once a minute
        broker.push([job(queue) for _ in range(25)])
        broker.settle([(one, Bury(NO_NOTE)) for one in claim(broker, queue, limit=3)])
        assert broker.purge(queue) == 25
        assert broker.counts(queue) == Counts()
    broker.push([job(f"{queue}-late", delay=600), job(f"{queue}-late")])
    assert broker.purge(f"{queue}-late") == 2
    assert broker.counts(f"{queue}-late") == Counts()


def test_a_purge_leaves_what_is_held_and_says_what_it_cannot_remove(
    make: Make, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    broker = make()
    broker.push([job(queue) for _ in range(30)])
    (lease,) = claim(broker, queue, limit=1)
    broker.push([job(queue, delay=600)])
    with caplog.at_level(logging.WARNING, "django_convoy.broker"):
        assert broker.purge(queue) == 29
    assert "1 delayed jobs could not be removed" in caplog.text
    assert broker.counts(queue) == Counts(leased=1, delayed=1)
    assert broker.settle([(lease, DONE)]) == [True]


def test_a_queue_is_removed_from_the_server_and_made_again(
    make: Make, server: Any, queue: str
) -> None:
    broker, other = make(), make()
    broker.push([job(queue) for _ in range(4)])
    leases = claim(other, queue, limit=2)
    other.settle([(leases[0], Bury(NO_NOTE))])
    assert broker.delete(queue) == 4
    for name in (f"convoy-{queue}", f"convoy-{queue}-buried"):
        with pytest.raises(server.exceptions.QueueDoesNotExist):
            server.get_queue_url(QueueName=name)
    assert other.counts(queue) == Counts()
    assert other.settle([(leases[1], DONE)]) == [False]
    assert claim(other, queue) == []  # it does not know that it is gone
    other.push([job(queue)])
    assert broker.counts(queue) == Counts(ready=1)


def test_a_server_that_was_killed_is_not_taken_to_be_there(
    make: Make, queue: str, tmp_path: Path
) -> None:
    server = Server("sqs", tmp_path)
    broker = make(endpoint_url=server.url)
    broker.push([job(queue), job("default")])
    broker.ping()
    server.stop(signal.SIGKILL)
    with pytest.raises(BrokerUnavailable, match="does not answer"):
        broker.ping()


def test_a_server_that_answers_is_pinged(make: Make) -> None:
    make().ping()
    with pytest.raises(BrokerUnavailable, match=r"http://127.0.0.1:9 does not answer"):
        make(endpoint_url="http://127.0.0.1:9").ping()
