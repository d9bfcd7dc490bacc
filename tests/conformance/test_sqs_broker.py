"""The SQS broker keeps a broker's promises, on standard queues and on FIFO queues."""

import os
import threading
from typing import Any

import pytest
from botocore.session import Session

from django_convoy.brokers.sqs import SqsBroker
from django_convoy.brokers.sqs_messages import text
from django_convoy.contracts.broker import Broker
from django_convoy.domain import ids
from django_convoy.domain.envelope import NO_NOTE
from django_convoy.testing.conformance.broker import BrokerConformance

KEYS = {"region": "eu-west-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}


class SqsConformance(BrokerConformance):
    short = 1.0
    soon = 1.0
    many = 123
    session = Session()
    """One for all: reading the description of the service takes longer than most tests."""

    def make_sqs(self, **options: Any) -> Broker:
        url = os.environ["CONVOY_TEST_SQS"]
        # A poll that nobody waits for any more stays on the server: they are short here.
        return SqsBroker(endpoint_url=url, botocore_session=self.session, wait=2, **KEYS, **options)

    def rest(self) -> None:
        """What a poll brings behind its claimer's end is sent anew by the poll's own thread."""
        for thread in threading.enumerate():
            if thread.name == "sqs-poll":
                thread.join()

    def spoil(self, queue: str, kind: str) -> None:
        """The server takes no empty body, and nothing that is no text."""
        broker = self.broker
        assert isinstance(broker, SqsBroker)
        cut_off = text(self.envelope(queue=queue), 0, NO_NOTE)[:50]
        bodies = {"garbage": "\x7f\ufffd", "truncated": cut_off, "foreign": '{"a":1}', "empty": " "}
        where = {"QueueUrl": broker._queues.url(queue), "MessageBody": bodies[kind]}
        if broker.options.fifo:
            where |= {"MessageGroupId": "spoiled", "MessageDeduplicationId": ids.token()}
        broker._client.call("send_message", **where)


@pytest.mark.sqs
class TestStandard(SqsConformance):
    def make(self) -> Broker:
        return self.make_sqs()


@pytest.mark.sqs
class TestFifo(SqsConformance):
    def make(self) -> Broker:
        return self.make_sqs(fifo=True)
