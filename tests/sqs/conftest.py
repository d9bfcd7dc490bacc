"""Brokers on the server of the run, each with queues of its own."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.session import Session

from django_convoy.brokers.sqs import SqsBroker
from django_convoy.domain import ids

KEYS = {"region": "eu-west-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
_session = Session()
"""One for all: reading the description of the service takes longer than most tests."""


@pytest.fixture
def queue() -> str:
    return f"own-{ids.token()}"


@pytest.fixture
def make() -> Iterator[Callable[..., SqsBroker]]:
    made: list[SqsBroker] = []

    def make(**options: Any) -> SqsBroker:
        given = {"endpoint_url": os.environ["CONVOY_TEST_SQS"], "wait": 2, **KEYS, **options}
        made.append(SqsBroker(**{"botocore_session": _session, **given}))
        return made[-1]

    yield make
    for broker in made:
        broker.close()


@pytest.fixture
def server() -> Any:
    """A client beside the broker's, as an administrator has it."""
    return boto3.client(
        "sqs",
        endpoint_url=os.environ["CONVOY_TEST_SQS"],
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
