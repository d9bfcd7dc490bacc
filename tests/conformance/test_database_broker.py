"""The database broker keeps a broker's promises, on each database."""

import pytest

from django_convoy.brokers.database import DatabaseBroker
from django_convoy.brokers.postgres import PostgresBroker
from django_convoy.contracts.broker import Broker
from django_convoy.db.session import PrivateSession
from django_convoy.testing.conformance.broker import BrokerConformance


@pytest.mark.django_db(transaction=True)
class TestSQLite(BrokerConformance):
    def make(self) -> Broker:
        return DatabaseBroker(PrivateSession("default"))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, databases=["postgres"])
class TestPostgreSQL(BrokerConformance):
    def make(self) -> Broker:
        return PostgresBroker(PrivateSession("postgres"))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, databases=["postgres"])
class TestPlainPostgreSQL(BrokerConformance):
    """As sites with psycopg 2 have it."""

    def make(self) -> Broker:
        return DatabaseBroker(PrivateSession("postgres"))


@pytest.mark.postgres
@pytest.mark.pgbouncer
@pytest.mark.django_db(transaction=True, databases=["postgres", "pgbouncer"])
class TestPgBouncer(BrokerConformance):
    """Through a pooler that gives each transaction another connection."""

    def make(self) -> Broker:
        return PostgresBroker(PrivateSession("pgbouncer"))


@pytest.mark.mariadb
@pytest.mark.django_db(transaction=True, databases=["mariadb"])
class TestMariaDB(BrokerConformance):
    def make(self) -> Broker:
        return DatabaseBroker(PrivateSession("mariadb"))
