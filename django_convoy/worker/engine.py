"""What a worker is given by the composition root."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from django_convoy.contracts import pair
from django_convoy.contracts.store import Retention
from django_convoy.core.codec import Codec
from django_convoy.core.execution import Find, Observer, Opener
from django_convoy.core.lanes import Lanes
from django_convoy.outbox.relay import Relay
from django_convoy.outbox.spill import Spill
from django_convoy.worker.opening import Opening


class Pair(pair.Pair, Protocol):
    """A broker and a store, and what is too large for the broker."""

    @property
    def spill(self) -> Spill | None:
        """Where such payloads are, if there may be any."""


class Service(Protocol):
    """What the steward runs beside its own work, in a thread with connections of its own."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End, within a moment."""

    def wake(self) -> None:
        """Look again: something changed elsewhere."""

    def hear(self, heard: bool) -> None:
        """Be told whether somebody listens for changes, and will `wake` it."""


@dataclass(slots=True)
class Engine:
    """One backend alias, as a process of its worker uses it.

    own: on connections that no task can touch. shared: on those that tasks use.
    task_atomic: opens the transaction of an `atomic` job; yields what is to be called after it.
    after_job: tidies up behind a task.
    relay: sends what waits in the outbox, where there is one.
    long_transaction: seconds after which one is warned about; None: never.
    services: makes what the steward runs beside.
    opener: what opens jobs; the codec itself, unless payloads may be elsewhere.
    """

    own: Pair
    shared: Pair
    codec: Codec
    find: Find
    observer: Observer
    lanes: Lanes
    retention: Retention
    namespace: str
    task_atomic: Callable[[], AbstractContextManager[list[Callable[[], object]]]]
    after_job: Callable[[], None]
    worker: str
    relay: Relay | None = None
    long_transaction: float | None = None
    services: Callable[[], Sequence[Service]] = tuple
    opener: Opener = field(init=False)

    def __post_init__(self) -> None:
        spill = self.own.spill
        self.opener = self.codec if spill is None else Opening(self.codec, spill)
