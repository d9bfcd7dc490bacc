"""The memory broker and the memory store keep their promises, without any server."""

from django_convoy.brokers.memory import MemoryBroker
from django_convoy.brokers.memory_world import World
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


class TestMemoryStore(StoreConformance, PruningConformance):
    def setup_method(self) -> None:
        super().setup_method()
        self.memory = MemoryStore()

    def make(self) -> Store:
        return self.memory
