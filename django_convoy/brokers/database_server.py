"""What a database broker does as a server: it says that it is there, and forgets whole queues."""

from functools import partial
from typing import Any

from django_convoy.contracts.broker import Reachable
from django_convoy.db.dialect import Dialect
from django_convoy.db.session import Session

CHUNK = 500


class DatabaseServer(Reachable):
    """The role `Reachable` of the database broker, and its verbs for a queue as a whole."""

    session: Session
    dialect: Dialect

    def ping(self) -> None:
        """Execute the least there is."""
        self.session.statement("SELECT 1")

    def info(self) -> str:
        """Return the name of the database and its version."""

        def ask() -> str:
            connection: Any = self.session.connection
            connection.ensure_connection()
            version = ".".join(str(part) for part in connection.get_database_version())
            return f"{connection.display_name} {version}"

        return self.session.step(ask)

    def purge(self, queue: str) -> int:
        """Delete what nobody holds."""

        def work(cursor: Any) -> int:
            cursor.execute("DELETE FROM convoy_job WHERE queue = %s AND state <> 'leased'", [queue])
            return int(cursor.rowcount)

        if self.dialect.vendor != "mysql":
            return self.session.write(work)
        # There it would lock all that it walks, which is every job, in the way of all workers.
        removed = 0
        for state in ("delayed", "buried", "suspect", "ready"):
            while found := self.session.write(partial(self._purge, queue=queue, state=state)):
                removed += found
        return removed

    def _purge(self, cursor: Any, queue: str, state: str) -> int:
        cursor.execute(
            f"SELECT id FROM convoy_job{self.dialect.using('convoy_job_ready')} "
            f"WHERE state = '{state}' AND queue = %s LIMIT {CHUNK}{self.dialect.skip_locked}",
            [queue],
        )
        found = [row[0] for row in cursor.fetchall()]
        if found:
            cursor.execute(*self.dialect.delete_by_id("convoy_job", found))
        return len(found)

    def delete(self, queue: str) -> int:
        """Delete what is held as well; there is nothing else to a queue."""
        removed = self.purge(queue)
        if self.dialect.vendor == "mysql":
            while found := self.session.write(partial(self._purge, queue=queue, state="leased")):
                removed += found
            return removed

        def work(cursor: Any) -> int:
            cursor.execute("DELETE FROM convoy_job WHERE queue = %s", [queue])
            return int(cursor.rowcount)

        return removed + self.session.write(work)
