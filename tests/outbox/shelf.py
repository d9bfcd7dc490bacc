"""A broker in this process's memory that joins no transaction, and may be out of reach."""

import threading
from datetime import timedelta
from typing import Any, ClassVar

from django_convoy.contracts.broker import Broker
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import BrokerUnavailable, PayloadError
from tests.commands.memory import BlindBroker, MemoryBroker


class Shelf(MemoryBroker):
    """One for all that name it. log: the ids of all that was pushed, in order."""

    log: ClassVar[list[str]] = []
    shared: ClassVar[dict[str, Any]] = {}
    lock = threading.Lock()
    down = False
    refuses = ""
    """The id of a job that it does not take."""

    def __init__(self, max_delay: float | None = None, max_body: int | None = None) -> None:
        super().__init__()
        self.rows = Shelf.shared
        longest = None if max_delay is None else timedelta(seconds=max_delay)
        self.capabilities = Capabilities(max_delay=longest, max_body=max_body)

    def push(self, envelopes: Any) -> None:
        envelopes = list(envelopes)
        if Shelf.down:
            raise BrokerUnavailable("nobody there")
        if Shelf.refuses in [one.id for one in envelopes]:
            raise PayloadError("not this one")
        with Shelf.lock:
            Shelf.log.extend(one.id for one in envelopes)
            super().push(envelopes)

    @classmethod
    def clear(cls) -> None:
        cls.log.clear()
        cls.shared.clear()
        cls.down, cls.refuses = False, ""


class BlindShelf(BlindBroker):
    """The same, and one cannot look into it."""

    capabilities = Capabilities(browse=False, max_delay=timedelta(seconds=900))

    def push(self, envelopes: Any) -> None:
        envelopes = list(envelopes)
        Shelf.log.extend(one.id for one in envelopes)
        super().push(envelopes)


def pushed(broker: Broker) -> list[Envelope]:
    return [row.envelope for row in broker.rows.values()]  # type: ignore[attr-defined]
