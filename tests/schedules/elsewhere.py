"""A broker whose server is this process: all that push to it share its jobs."""

from typing import ClassVar

from django_convoy.brokers.memory_world import World
from django_convoy.domain.errors import BrokerUnavailable
from tests.limited import ElsewhereBroker

BROKER = {"name": "tests.schedules.elsewhere.Elsewhere"}


class Elsewhere(ElsewhereBroker):
    server: ClassVar[World] = World()
    away = False

    def __init__(self, world: World) -> None:
        super().__init__(self.server)

    def push(self, envelopes):
        if type(self).away:
            raise BrokerUnavailable("the server of this test is away")
        super().push(envelopes)
