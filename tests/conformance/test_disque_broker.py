"""The broker on Disque keeps a broker's promises, on a server that speaks its protocol."""

import os
from collections.abc import Sequence

import pytest

from django_convoy.brokers.disque import DisqueBroker
from django_convoy.brokers.disque_nodes import Nodes, nodes_of
from django_convoy.brokers.wire import pack
from django_convoy.contracts.broker import Broker
from django_convoy.domain.envelope import Lease
from django_convoy.testing.conformance.broker import BrokerConformance


@pytest.mark.disque
class TestDisque(BrokerConformance):
    short = 0.05

    def make(self) -> Broker:
        return DisqueBroker(nodes=os.environ["CONVOY_TEST_DISQUE"], retry=300)

    def make_brief(self) -> Broker:
        return DisqueBroker(nodes=os.environ["CONVOY_TEST_DISQUE"], retry=4)

    def spoil(self, queue: str, kind: str) -> None:
        """Whoever speaks the protocol may add a job of any bytes."""
        cut_off = pack(self.envelope(queue=queue))[:50]
        bodies = {"garbage": b"\xff\0", "truncated": cut_off, "foreign": "[1,2]", "empty": ""}
        nodes = Nodes(nodes_of(os.environ["CONVOY_TEST_DISQUE"]), None, 10)
        nodes.ask("ADDJOB", queue, bodies[kind], 1000)
        nodes.close()

    def lapse(self, leases: Sequence[Lease]) -> None:
        """What the server does by itself once RETRY is over: queue them again."""
        nodes = Nodes(nodes_of(os.environ["CONVOY_TEST_DISQUE"]), None, 10)
        ids = [lease.token[1:].partition(":")[0] for lease in leases]
        assert nodes.ask("ENQUEUE", *ids) == len(ids)
        nodes.close()
