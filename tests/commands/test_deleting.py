"""`convoy queues delete NAME` removes the queue on its server, whatever server that is."""

import os
import time
from datetime import timedelta

import boto3
import pytest
import redis

from django_convoy.brokers.ironmq import IronMQBroker
from django_convoy.models import OutboxJob
from django_convoy.runtime import runtime_of
from tests.api.tasks import add
from tests.worker import test_ironmq, test_sqs

pytestmark = pytest.mark.django_db(transaction=True)


class OnSQS:
    parks = 1  # a delay of an hour is beyond it

    def __init__(self):
        url = os.environ["CONVOY_TEST_SQS"]
        self.broker = test_sqs.broker(url, wait=1)
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        self._client = boto3.client("sqs", endpoint_url=url, region_name="eu-west-1", **keys)

    def queues(self):
        found = self._client.list_queues(QueueNamePrefix=self.broker["prefix"])
        return found.get("QueueUrls", [])

    def close(self):
        self._client.close()


class OnIronMQ:
    parks = 0

    def __init__(self):
        url, project = os.environ["CONVOY_TEST_IRONMQ"], f"deleted{time.time_ns()}"
        self.broker = {**test_ironmq.options(url), "project_id": project}

    def queues(self):
        broker = runtime_of("default").shared.broker
        assert isinstance(broker, IronMQBroker)
        return broker._api.names(100)

    def close(self):
        """Its broker is all there is."""


class OnRedis:
    parks = 0

    def __init__(self):
        url = os.environ["CONVOY_TEST_VALKEY"]
        self.broker = {"name": "redis", "url": url, "prefix": f"deleted{time.time_ns()}"}
        self._client = redis.Redis.from_url(url, protocol=2)

    def queues(self):
        return self._client.keys(f"{self.broker['prefix']}:{{default}}:*")

    def close(self):
        self._client.close()


SERVERS = {"sqs": OnSQS, "ironmq": OnIronMQ, "valkey": OnRedis}


@pytest.fixture(params=[pytest.param(one, marks=getattr(pytest.mark, one)) for one in SERVERS])
def server(request, settings):
    made = SERVERS[request.param]()
    backend = "django_convoy.backend.ConvoyBackend"
    options = {"broker": made.broker, "store": "none"}
    settings.TASKS = {"default": {"BACKEND": backend, "QUEUES": [], "OPTIONS": options}}
    yield made
    runtime_of("default").shared.close()
    made.close()


def test_a_queue_is_removed_with_what_is_held_delayed_and_parked(convoy, server):
    for _ in range(2):
        add.enqueue(1)
    add.using(run_after=timedelta(minutes=5)).enqueue(2)
    add.using(run_after=timedelta(hours=1)).enqueue(3)
    broker = runtime_of("default").shared.broker
    assert len(broker.claim(["default"], limit=1, lease=60, worker="w", wait=1)) == 1
    assert server.queues()
    assert OutboxJob.objects.count() == server.parks
    answer = convoy("queues", "delete", "default", "--no-input")
    assert (answer.status, "with 4 jobs" in answer.out) == (0, True)
    assert server.queues() == []
    assert not OutboxJob.objects.exists()
    assert convoy("queues", "delete", "default", "--no-input").status == 0  # nothing is there
    job_id = add.enqueue(4).id  # it is made again
    assert [one.id for one in broker.claim(["default"], limit=9, lease=9, worker="w", wait=5)] == [
        job_id
    ]
