"""A site whose jobs are elsewhere."""

import contextlib
from collections.abc import Iterator

import pytest

from django_convoy.contracts.broker import Held
from django_convoy.db.models import OutboxJob
from django_convoy.outbox.relay import Relay
from django_convoy.runtime import Runtime, runtime_of
from tests.outbox.shelf import Shelf


class Elsewhere:
    """alias: the database whose transactions count, and which has the outbox."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    @property
    def runtime(self) -> Runtime:
        return runtime_of("default")

    def rows(self) -> list[OutboxJob]:
        return list(OutboxJob.objects.using(self.alias).order_by("id"))

    def leave_for_good(self) -> None:
        """As if whoever had written these rows were dead for long."""
        OutboxJob.objects.using(self.alias).exclude(token="").update(wake_at="2020-01-01T00:00Z")

    @contextlib.contextmanager
    def relay(self) -> Iterator[Relay]:
        """What a steward sends by."""
        pair = self.runtime.private()
        made = self.runtime.relay(pair)
        assert made is not None
        try:
            yield made
        finally:
            made.close()
            pair.close()

    def sweep(self) -> float:
        """As a steward does; return when it would look next."""
        with self.relay() as relay:
            while not (pause := relay.step()):
                pass
            return pause

    def find(self, job_id: str) -> Held | None:
        view = self.runtime.shared.view
        assert view is not None
        return view.find(job_id)


@pytest.fixture
def use(settings) -> Iterator[object]:
    """`use("default", enqueue="now")`: options of the only backend."""

    def make(alias: str = "default", broker: object = None, **options: object) -> Elsewhere:
        broker = broker or {"name": "tests.outbox.shelf.Shelf"}
        outbox = {"alias": alias, **options.pop("outbox", {})}  # type: ignore[dict-item]
        chosen = {
            "broker": broker,
            "outbox": outbox,
            "store": {"name": "database", "alias": alias},
            **options,
        }
        backend = {"BACKEND": "django_convoy.backend.ConvoyBackend", "QUEUES": []}
        settings.TASKS = {"default": {**backend, "OPTIONS": chosen}}
        return Elsewhere(alias)

    Shelf.clear()
    yield make
    Shelf.clear()


@pytest.fixture
def elsewhere(use, alias) -> Elsewhere:
    """On the database of the test."""
    made: Elsewhere = use(alias)
    return made
