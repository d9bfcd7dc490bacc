"""Many rows at once into the outbox on PostgreSQL: each column goes as one text."""

from collections.abc import Sequence
from typing import Any

from django_convoy.db.postgres import array, times
from django_convoy.db.session import Session

_TEXTS = "%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[]"
_INSERT = f"""
INSERT INTO convoy_outbox (id, queue, task, payload, seal, key_id, priority, due, enqueued_at,
    backend, state, token, attempt, note, wake_at)
SELECT job.*, %s, 'send', %s, 0, '', statement_timestamp() + %s * interval '1 second'
FROM unnest({_TEXTS}, %s::smallint[], %s::timestamptz[], %s::timestamptz[]) AS job
"""


def insert(
    session: Session, rows: Sequence[Sequence[Any]], backend: str, token: str, seconds: float
) -> None:
    """Insert jobs that are to be sent; a row begins as the statement does."""
    columns = list(zip(*rows, strict=True))
    texts = [array(column) for column in columns[:6]]
    priorities = "{" + ",".join(map(str, columns[6])) + "}"
    given = [backend, token, seconds, *texts, priorities, times(columns[7]), times(columns[8])]
    session.statement(_INSERT, given)
