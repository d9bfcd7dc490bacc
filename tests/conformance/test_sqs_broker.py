"""The SQS broker keeps a broker's promises, on standard queues and on FIFO queues."""

import os
from typing import Any

import pytest
from botocore.session import Session

from django_convoy.brokers.sqs import SqsBroker
from django_convoy.contracts.broker import Broker
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


@pytest.mark.sqs
class TestStandard(SqsConformance):
    def make(self) -> Broker:
        return self.make_sqs()


@pytest.mark.sqs
class TestFifo(SqsConformance):
    def make(self) -> Broker:
        return self.make_sqs(fifo=True)
