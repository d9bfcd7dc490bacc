"""A broker whose server is this process: all that push to it share its jobs."""

from typing import ClassVar

from django_convoy.contracts.broker import Held
from django_convoy.domain.errors import BrokerUnavailable
from tests.commands.memory import MemoryBroker

BROKER = {"name": "tests.schedules.elsewhere.Elsewhere"}


class Elsewhere(MemoryBroker):
    server: ClassVar[dict[str, Held]] = {}
    away = False

    def __init__(self) -> None:
        super().__init__()
        self.rows = self.server

    def push(self, envelopes):
        if type(self).away:
            raise BrokerUnavailable("the server of this test is away")
        super().push(envelopes)
