"""The database broker keeps a broker's promises, on each database."""

import pytest
from django.db import connections

from django_convoy.brokers.database import DatabaseBroker
from django_convoy.brokers.postgres import PostgresBroker
from django_convoy.contracts.broker import Broker
from django_convoy.db.session import PrivateSession
from django_convoy.domain import ids
from django_convoy.testing.conformance.broker import BrokerConformance

NOTES = {
    "garbage": "\x01}\x7f{\ufffd",
    "truncated": '{"failures":1,"errors":[{"exc',
    "foreign": '{"failures":"often","errors":[1]}',
    "empty": "[]",
}


class DatabaseConformance(BrokerConformance):
    """Garbage comes from whoever may write to the table."""

    alias: str

    def spoil(self, queue: str, kind: str) -> None:
        now = self.broker.dialect.time(self.envelope().enqueued_at)
        columns = "id, queue, task, payload, seal, key_id, priority, state, enqueued_at, attempt"
        row = [ids.job_id(), queue, "", NOTES[kind][:9], "", "", 0, "ready", now, 0]
        with connections[self.alias].cursor() as cursor:
            cursor.execute(
                f"INSERT INTO convoy_job ({columns}, token, worker, note) "
                f"VALUES ({', '.join(['%s'] * len(row))}, '', '', %s)",
                [*row, NOTES[kind]],
            )


@pytest.mark.django_db(transaction=True)
class TestSQLite(DatabaseConformance):
    alias = "default"

    def make(self) -> Broker:
        return DatabaseBroker(PrivateSession(self.alias))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, databases=["postgres"])
class TestPostgreSQL(DatabaseConformance):
    alias = "postgres"

    def make(self) -> Broker:
        return PostgresBroker(PrivateSession(self.alias))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, databases=["postgres"])
class TestPlainPostgreSQL(DatabaseConformance):
    """As sites with psycopg 2 have it."""

    alias = "postgres"

    def make(self) -> Broker:
        return DatabaseBroker(PrivateSession(self.alias))


@pytest.mark.postgres
@pytest.mark.pgbouncer
@pytest.mark.django_db(transaction=True, databases=["postgres", "pgbouncer"])
class TestPgBouncer(DatabaseConformance):
    """Through a pooler that gives each transaction another connection."""

    alias = "pgbouncer"

    def make(self) -> Broker:
        return PostgresBroker(PrivateSession(self.alias))


@pytest.mark.mariadb
@pytest.mark.django_db(transaction=True, databases=["mariadb"])
class TestMariaDB(DatabaseConformance):
    alias = "mariadb"

    def make(self) -> Broker:
        return DatabaseBroker(PrivateSession(self.alias))
