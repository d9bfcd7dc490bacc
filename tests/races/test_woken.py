"""Who was woken claims with one statement, and finds what came late when it looks again."""

from typing import Any

import pytest

from django_convoy.brokers.search import Search
from django_convoy.domain.envelope import Note
from django_convoy.domain.verdict import Again
from tests.databases import POSTGRES

pytest.importorskip("psycopg")
pytestmark = pytest.mark.parametrize("alias", [POSTGRES])


def test_a_job_that_woke_a_worker_waits_for_one_statement(alias, worker, monkeypatch) -> None:
    broker, other = worker(), worker()
    late, first = other.put(2)
    (held,) = other.take()
    assert [lease.id for lease in broker.take(9)] == [first]  # and it remembers how far it came
    other.settle([(held, Again(0, False, Note()))])
    (new,) = other.put()
    sent: list[Any] = []
    statement = broker.session.statement

    def noted(sql: str, params: Any = ()) -> Any:
        sent.append(sql)
        return statement(sql, params)

    monkeypatch.setattr(broker.session, "statement", noted)
    broker._idling.attended = True  # as behind a sleep
    found = broker._look(Search(["q"], 9, 60, "w", lambda: True))
    assert [lease.id for lease in found] == [new]
    assert len(sent) == 1
    broker._idling.attended = False  # as when that claim has returned
    assert [lease.id for lease in broker.take(9)] == [late]
