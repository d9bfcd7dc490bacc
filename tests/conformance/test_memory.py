"""The memory broker and the memory store keep their promises, without any server."""

from django_convoy.brokers.memory import MemoryBroker
from django_convoy.brokers.memory_world import Row, World
from django_convoy.contracts.broker import Broker
from django_convoy.contracts.store import Store
from django_convoy.stores.memory import MemoryStore
from django_convoy.testing.conformance.broker import BrokerConformance
from django_convoy.testing.conformance.store import PruningConformance, StoreConformance


class TestMemoryBroker(BrokerConformance):
    short = 0.05

    def setup_method(self) -> None:
        super().setup_method()
        self.world = World()

    def make(self) -> Broker:
        return MemoryBroker(self.world)

    def spoil(self, queue: str, kind: str) -> None:
        """Rows are objects of this process, so what is nearest is a job that nobody sealed."""
        payloads = {"garbage": "\udcff\0", "truncated": '{"args":[1', "foreign": "[]", "empty": ""}
        row = Row(self.envelope(queue=queue, task="", payload=payloads[kind], seal=""), "ready")
        self.world.rows[row.envelope.id] = row


class TestMemoryStore(StoreConformance, PruningConformance):
    def setup_method(self) -> None:
        super().setup_method()
        self.memory = MemoryStore()

    def make(self) -> Store:
        return self.memory
