"""What goes wrong between a broker and its database is said in Convoy's words, and passes."""

import sqlite3
import threading

import pytest
from django.db import connections

from django_convoy.brokers.database import DatabaseBroker
from django_convoy.db.session import PrivateSession, Session
from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError
from django_convoy.domain.verdict import DONE
from django_convoy.stores.database import DatabaseStore
from tests.databases import on_each_database, on_servers, on_sqlite
from tests.races.conftest import made_for

KILL = {
    "postgres": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend(%s)"),
    "mariadb": ("SELECT CONNECTION_ID()", "KILL %s"),
}
EMPTY = {"postgres": "postgres", "mariadb": "mysql"}


@pytest.fixture
def change(alias, monkeypatch):
    """Gives connections that are opened from now on other settings."""

    def change(**settings):
        monkeypatch.setitem(
            connections.settings, alias, {**connections.settings[alias], **settings}
        )

    return change


def kill_connection(alias: str, broker: DatabaseBroker) -> None:
    """As a restarting server does."""
    ask, kill = KILL[alias]
    with broker.session.connection.cursor() as cursor:
        cursor.execute(ask)
        (number,) = cursor.fetchone()
    with connections[alias].cursor() as cursor:
        cursor.execute(kill, [number])


@pytest.mark.parametrize("kind", [Session, PrivateSession])
def test_an_unknown_database_is_named_with_those_there_are(kind):
    with pytest.raises(ConfigurationError, match=r"no database 'nowhere' .* default"):
        kind("nowhere")


@on_each_database
def test_missing_tables_say_what_to_do(alias, change, tmp_path):
    change(NAME=EMPTY.get(alias, str(tmp_path / "empty.sqlite3")))
    session = PrivateSession(alias)
    broker, store = DatabaseBroker(session), DatabaseStore(session)
    flag = "" if alias == "default" else f" --database {alias}"
    told = f"tables of Convoy in database '{alias}' .*`manage.py migrate{flag}`"
    for verb in (
        lambda: broker.claim(["q"], limit=1, lease=9, worker="w"),
        lambda: broker.counts("q"),
        lambda: broker.next_due(),
        lambda: store.get("0" * 32),
    ):
        with pytest.raises(ConfigurationError, match=told):
            verb()
    broker.close()


@on_servers
def test_a_lost_connection_is_named_once_and_then_replaced(alias, worker):
    broker = worker()
    (job_id,) = broker.put()
    kill_connection(alias, broker)
    with pytest.raises(BrokerUnavailable, match=alias):
        broker.take()
    assert [lease.id for lease in broker.take()] == [job_id]


@on_servers
def test_a_lost_connection_takes_the_open_transaction_with_it(alias, worker):
    broker = worker()
    broker.put()
    leases = broker.take()

    def work():
        broker.settle([(leases[0], DONE)])
        kill_connection(alias, broker)
        broker.counts("q")

    with pytest.raises(BrokerUnavailable):
        broker.together(work)
    assert broker.settle([(leases[0], DONE)]) == [True]


@on_servers
def test_who_was_cut_off_takes_no_lapsed_lease_for_a_while(alias, worker):
    """Live holders, cut off by the same outage, renew first."""
    holder, cut_off = worker(), worker()
    holder.put()
    leases = holder.take(lease=0.1)
    kill_connection(alias, cut_off)
    with pytest.raises(BrokerUnavailable):
        cut_off.take(lease=3600)
    holder.session.read(lambda cursor: cursor.execute("SELECT 1"))
    assert cut_off.take(lease=3600, wait=0.3) == []
    assert worker().take(wait=600)[0].id == leases[0].id


@pytest.fixture
def hasty(alias, change):
    """A broker that waits only a moment for SQLite's lock."""
    change(OPTIONS={**connections.settings[alias]["OPTIONS"], "timeout": 0.02})
    broker = made_for(alias)
    yield broker
    broker.close()


@pytest.fixture
def blocker(alias):
    """Somebody who holds SQLite's one write lock."""
    name = connections.settings[alias]["NAME"]
    connection = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


@on_sqlite
def test_a_database_that_stays_locked_is_named_after_a_bounded_time(alias, hasty, blocker):
    with pytest.raises(BrokerUnavailable, match=r"'default': .*locked"):
        hasty.put()
    blocker.execute("COMMIT")
    pushed = hasty.put()
    assert [lease.id for lease in hasty.take(9)] == pushed


@on_sqlite
def test_a_lock_that_passes_is_waited_for(alias, hasty, blocker):
    timer = threading.Timer(0.1, blocker.execute, ["COMMIT"])
    timer.start()
    pushed = hasty.put()
    timer.join()
    assert [lease.id for lease in hasty.take(9)] == pushed


@on_sqlite
def test_who_only_looks_needs_no_lock(alias, hasty, blocker):
    assert hasty.take() == []
    assert hasty.counts("q").ready == 0
    assert hasty.next_due() is None


@on_each_database
def test_what_a_task_does_to_its_connection_does_not_reach_the_workers(alias, worker):
    broker = worker()
    broker.put()
    leases = broker.take()
    connections[alias].set_autocommit(False)
    connections[alias].close()
    try:
        assert broker.settle([(leases[0], DONE)]) == [True]
        assert worker().counts("q").leased == 0
    finally:
        connections[alias].close()
        connections[alias].set_autocommit(True)
