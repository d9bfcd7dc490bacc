"""The broker on IronMQ keeps a broker's promises, on a server that speaks its protocol.

The server's seconds are short, and it gives leases of one of them; the real one's are of thirty.
"""

import os
from urllib.parse import urlsplit

import pytest

from django_convoy.brokers.ironmq import IronMQBroker
from django_convoy.brokers.messages import Added
from django_convoy.brokers.wire import pack
from django_convoy.contracts.broker import Broker
from django_convoy.testing.conformance.broker import BrokerConformance


class Impatient(IronMQBroker):
    """Takes the server's shortest lease."""

    shortest_lease = 1


def options(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    return {
        "host": parts.hostname,
        "port": parts.port,
        "protocol": "http",
        "project_id": "conformance",
        "token": "token",
    }


@pytest.mark.ironmq
class TestIronMQ(BrokerConformance):
    def make(self) -> Broker:
        return Impatient(**options(os.environ["CONVOY_TEST_IRONMQ"]))

    def spoil(self, queue: str, kind: str) -> None:
        """JSON is all that can be sent, so what is in it is text."""
        cut_off = pack(self.envelope(queue=queue))[:50]
        bodies = {"garbage": "\x7f\ufffd", "truncated": cut_off, "foreign": "{}", "empty": ""}
        broker = self.broker
        assert isinstance(broker, IronMQBroker)
        broker._add(queue, [Added(bodies[kind])])
