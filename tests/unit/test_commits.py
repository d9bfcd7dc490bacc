"""An atomic job whose commit was not answered: the store decides, and only a success is proof."""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from django_convoy.contracts.store import FAILED, SUCCESSFUL, Record
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import NO_NOTE, Envelope, Lease
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.domain.options import JobOptions
from django_convoy.domain.outcome import Succeeded
from django_convoy.worker import delivery


class Server:
    """A store and a broker whose answers may be lost.

    committed: whether the COMMIT took place. answers: of one settle after the other; None: it was
    executed, and its answer lost.
    """

    durable = True

    def __init__(self, lease: Lease, *, committed: bool, answers: list[bool | None]) -> None:
        self._answers = answers
        self.record: Record | None = None
        if committed:
            self.record = Record(lease.envelope, SUCCESSFUL, 1, NO_NOTE, "1", None, clock.now())

    def get(self, job_id: str) -> Record | None:
        return self.record

    def finished(self, records: list[Record]) -> None:
        if self.record is None:
            (self.record,) = records

    def settle(self, settlements: Any) -> list[bool]:
        answer = self._answers.pop(0)
        if answer is None:
            raise BrokerUnavailable("the answer was lost")
        return [answer]


def run(monkeypatch: pytest.MonkeyPatch, **server: Any) -> tuple[Any, Server, list[str]]:
    """Return what a delivery came to, the server behind it, and which hooks were called."""
    envelope = Envelope(ids.job_id(), "q", "a.b", "{}", "1j-:x", "k", 0, clock.now())
    lease = Lease(envelope, ids.token(), 1, NO_NOTE)
    there = Server(lease, **server)
    own = SimpleNamespace(store=there, broker=there, together=False, spill=None)
    shared = SimpleNamespace(store=None, broker=None, together=True, spill=None)
    called: list[str] = []

    @contextlib.contextmanager
    def task_atomic() -> Iterator[list[Any]]:
        yield [lambda: called.append("hook")]
        raise ConnectionError("no answer to COMMIT")

    engine: Any = SimpleNamespace(
        own=own, shared=shared, task_atomic=task_atomic, codec=None, observer=None, worker="w"
    )
    monkeypatch.setattr(delivery, "execute", lambda *_: Succeeded("1"))
    monkeypatch.setattr(delivery, "_settle_last", lambda *_: None)
    options = JobOptions(atomic=True)
    job: Any = SimpleNamespace(lease=lease, options=options, started_at=None, error=None)
    return (
        delivery.deliver(engine, job, lambda _: contextlib.nullcontext(), lambda: False),
        there,
        called,
    )


def test_one_that_took_place_is_followed_by_its_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    delivered, _, called = run(monkeypatch, committed=True, answers=[])
    assert isinstance(delivered.outcome, Succeeded)
    assert called == ["hook"]


def test_one_that_did_not_is_settled_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    delivered, there, called = run(monkeypatch, committed=False, answers=[True])
    assert not delivered.settle
    assert there.record is not None and there.record.status == FAILED
    assert called == []


def test_our_own_record_of_a_failure_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    delivered, there, called = run(monkeypatch, committed=False, answers=[None, False])
    assert delivered is None
    assert there.record is not None and there.record.status == FAILED
    assert called == []
