"""What is on its way to a target that cannot be asked what it has.

Each batch is written down before it is pushed, and struck out once it has left the source. A job
that stands in somebody else's row may have been sent by one who was killed. The rows are in the
table of the outbox, under a name of their own: nobody sends them.
"""

import json
from collections.abc import Iterable

from django_convoy.db.session import Session
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import ConfigurationError
from django_convoy.outbox.table import Table
from django_convoy.runtime import Pair, Runtime
from django_convoy.stores.none import NoStore

BATCH = "django_convoy.moving.batch"
"""Stands for a task, for who looks into the table."""
MOST = 10_000


class Ledger:
    """The batches from one backend to another."""

    def __init__(self, session: Session, source: str, target: str) -> None:
        self._table = Table(session, f"move {source} > {target}")

    def exists(self) -> bool:
        """Return whether there is a table for it."""
        return self._table.exists()

    def write(self, queue: str, job_ids: Iterable[str]) -> str:
        """Write a batch down; return the row's id."""
        row, payload = ids.job_id(), json.dumps(list(job_ids))
        self._table.add([Envelope(row, queue, BATCH, payload, "", "", 0, clock.now())])
        return row

    def others(self, queue: str, own: str) -> set[str]:
        """Return the jobs of all rows of a queue but one."""
        rows = self._table.jobs(queue=queue, limit=MOST)
        return {one for row in rows if row.envelope.id != own for one in _jobs(row.envelope)}

    def strike(self, row: str) -> None:
        """Forget a batch: no job of it is in doubt."""
        self._table.delete([row])

    def clear(self, queue: str) -> None:
        """Forget what is written of a queue in which nothing is left."""
        self._table.purge(queue)

    def close(self) -> None:
        """Give back the connection."""
        self._table.session.close()


def open_ledger(source: Runtime, target: Runtime, pair: Pair, *, needed: bool) -> Ledger | None:
    """Return the ledger of a target, None for one that can be asked. pair: the target's.

    Raises ConfigurationError where there is no table for it, though it is needed.
    """
    can = pair.broker.capabilities
    if can.browse and can.leases and not isinstance(pair.store, NoStore):
        return None
    ledger = Ledger(pair.tables, *(one.full_name(one.alias) for one in (source, target)))
    if ledger.exists():
        return ledger
    if not needed:
        return None
    raise ConfigurationError(
        f"nobody can ask TASKS[{target.alias!r}] which jobs it had, and database "
        f"{pair.tables.alias!r} has no table convoy_outbox in which could be written what is on "
        "its way: run `manage.py migrate`; or say --resend, then jobs of a batch may be sent "
        "twice if the command is killed"
    )


def _jobs(envelope: Envelope) -> list[str]:
    found: list[str] = json.loads(envelope.payload)
    return found
