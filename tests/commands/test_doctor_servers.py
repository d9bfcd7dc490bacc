"""`convoy doctor` on each real broker: its server, its version, a round trip, and nothing left."""

import os
import re
from urllib.parse import urlsplit

import boto3
import pytest
from pymongo import MongoClient
from redis import Redis

from django_convoy.brokers.sqs_client import Refused, SqsClient
from django_convoy.domain import ids
from django_convoy.runtime import runtime_of
from tests.commands.test_doctor import about

pytestmark = pytest.mark.django_db(transaction=True)
KEYS = {"region": "eu-west-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}


def redis(name="valkey"):
    url, prefix = os.environ[f"CONVOY_TEST_{name.upper()}"], f"doctor-{ids.token()}"
    client = Redis.from_url(url)
    broker = {"name": "redis", "url": url, "prefix": prefix}
    return (
        broker,
        r"(Redis|Valkey) \d+\.\d+",
        lambda: [key for key in client.scan_iter(f"{prefix}*") if b"convoy-doctor" in key],
    )


def redis62():
    return redis("redis62")


def sqs():
    url, prefix = os.environ["CONVOY_TEST_SQS"], f"{ids.token()[:8]}-"
    client = boto3.client(
        "sqs",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    broker = {"name": "sqs", "endpoint_url": url, "prefix": prefix, "wait": 1, **KEYS}
    return (
        broker,
        r"http://[\d.:]+: standard queues",
        lambda: client.list_queues(QueueNamePrefix=prefix).get("QueueUrls", []),
    )


def mongodb():
    url, name = os.environ["CONVOY_TEST_MONGODB"], f"doctor-{ids.token()}"[:40]

    def left():
        with MongoClient(url) as client:
            found = list(client[name]["convoy_jobs"].find())
            client.drop_database(name)
        return found

    return {"name": "mongodb", "uri": url, "database": name}, r"MongoDB \d+\.\d+", left


def ironmq():
    parts = urlsplit(os.environ["CONVOY_TEST_IRONMQ"])
    broker = {
        "name": "ironmq",
        "host": parts.hostname,
        "port": parts.port,
        "protocol": "http",
        "project_id": ids.token(),
        "token": "token",
    }
    return (
        broker,
        "IronMQ, API v3, at ",
        lambda: runtime_of("default").shared.broker._api.names(100),
    )


def disque():
    broker = {"name": "disque", "nodes": os.environ["CONVOY_TEST_DISQUE"]}

    def left():
        there = runtime_of("default").shared.broker
        return [name for name in there.queues() if "convoy-doctor" in name]

    return broker, r"Disque \d+\.\d+", left


SERVERS = [
    pytest.param(one, id=name, marks=getattr(pytest.mark, name))
    for name, one in {
        "valkey": redis,
        "redis62": redis62,
        "sqs": sqs,
        "mongodb": mongodb,
        "ironmq": ironmq,
        "disque": disque,
    }.items()
]


@pytest.fixture
def use(settings):
    """Name a broker. What the one before had open is closed."""
    backend = settings.TASKS["default"]

    def use(broker, **more):
        runtime_of("default").shared.close()
        given = {**backend, "OPTIONS": {"broker": broker, "enqueue": "now"}, **more}
        settings.TASKS = {"default": given}

    yield use
    runtime_of("default").shared.close()


@pytest.mark.parametrize("make", SERVERS)
def test_a_server_is_named_and_tried_and_no_queue_is_left_on_it(convoy, use, make):
    broker, words, left = make()
    use(broker)
    for _ in range(2):
        answer = convoy("doctor", "--json")
        assert answer.status == 0
        ((level, told),) = about(answer, "server")
        assert level == "fine"
        assert re.search(words, told)
        assert re.search(r": \d+\.\d ms$", told)
        ((level, told),) = about(answer, "broker")
        assert level == "fine"
        assert told.startswith("a probe was pushed, claimed and settled in ")
    assert left() == []


@pytest.mark.parametrize("make", SERVERS)
def test_a_probe_that_was_lost_leaves_no_queue_either(convoy, use, monkeypatch, make):
    broker, _, left = make()
    use(broker)
    monkeypatch.setattr(type(runtime_of("default").shared.broker), "claim", lambda *a, **o: [])
    answer = convoy("doctor", "--json")
    assert about(answer, "broker") == [("error", "a job that was pushed could not be claimed")]
    assert left() == []


@pytest.mark.sqs
def test_a_dead_letter_policy_that_is_not_the_options_is_warned_about(convoy, use):
    broker, _, _ = sqs()
    policies = [None, {"max_receives": 3}, {"max_receives": 3, "queue": "dead"}, None]
    told = []
    for made, option in zip(policies, [*policies[1:], None], strict=True):
        name = ids.token()[:12]
        use({**broker, "redrive": made}, QUEUES=[name])
        runtime_of("default").shared.broker._queues.url(name)
        assert not about(convoy("doctor", "--json"), "limits")
        use({**broker, "redrive": option}, QUEUES=[name, "there-is-none"])
        told.append(about(convoy("doctor", "--json"), "limits"))
    assert told[3] == []
    for ((level, text),), there, shall in zip(
        told[:3],
        ["none", r"\S+-buried after 3 lapsed leases", "dead after 3 lapsed leases"],
        [r"\S+-buried after 3", "dead after 3", "none"],
        strict=True,
    ):
        assert level == "warning"
        assert re.search(rf"in force: {there}; the option redrive says {shall}\. Change", text)


@pytest.mark.sqs
def test_who_may_not_remove_queues_hears_what_is_left(convoy, use, monkeypatch):
    broker, _, left = sqs()
    use(broker)
    call = SqsClient.call

    def limited(self, verb, *args, **parameters):
        if verb == "delete_queue":
            raise Refused("the policy must allow sqs:DeleteQueue", "AccessDenied")
        return call(self, verb, *args, **parameters)

    monkeypatch.setattr(SqsClient, "call", limited)
    answer = convoy("doctor", "--json")
    assert answer.status == 0
    fine, (level, told) = about(answer, "broker")
    assert (fine[0], level) == ("fine", "warning")
    assert re.search(r"convoy-doctor-\w+, could not be removed: .*sqs:DeleteQueue", told)
    assert len(left()) == 1
