"""Looks at schedules, the outbox and what is beside it cost the same however much waits there."""

from datetime import timedelta

import pytest
from django.db import connections

from django_convoy.db.models import OutboxJob, SpilledPayload
from django_convoy.db.schedules import StoredSchedule
from django_convoy.db.session import PrivateSession
from django_convoy.domain import clock, ids
from django_convoy.outbox.spill import Spill
from django_convoy.outbox.table import Table as Outbox
from django_convoy.scheduling.table import Table as Schedules
from tests.databases import on_each_database
from tests.limited import ElsewhereBroker
from tests.races.plans import plan, recorded

pytestmark = [pytest.mark.slow, on_each_database]

ROWS = 10_000
JOB = {"queue": "q", "task": "a.b", "payload": "{}", "seal": "1j-:x", "key_id": "k"}
WALKS = {
    "default": ["SCAN"],
    "postgres": ["Seq Scan"],
    "mariadb": [" ALL ", " index "],
}
SORTS = {"default": "TEMP B-TREE", "postgres": "Sort", "mariadb": "filesort"}


@pytest.fixture
def session(alias):
    made = PrivateSession(alias)
    yield made
    made.close()


def fill(alias, rows):
    """Insert rows, and let the planner know of them."""
    model = type(rows[0])
    model.objects.using(alias).bulk_create(rows, batch_size=1000)
    with connections[alias].cursor() as cursor:
        table = "TABLE " if alias == "mariadb" else ""
        cursor.execute(f"ANALYZE {table}{model._meta.db_table}")


def check(session, alias, index, act, column="wake_at"):
    """Check that each statement on waiting times walks that index, in its order."""
    with recorded(session.connection) as statements:
        act()
    looks = [one for one in statements if f"ORDER BY {column}" in one[0]]
    assert looks
    for statement in looks:
        steps = plan(session.connection, statement)
        assert index in steps, f"{statement[0]}\n{steps}"
        assert SORTS[alias] not in steps, f"{statement[0]}\n{steps}"


def test_of_schedules_the_first_entry_of_an_index_is_read(alias, session):
    now = clock.now()
    common = {**JOB, "rule": "{}", "catch_up": "last", "overlap": "allow", "origin": "code"}
    common |= {"mark": "m", "namespace": "", "backend": "default", "created_at": now}
    later = [now + timedelta(hours=1, seconds=number) for number in range(ROWS)]
    fill(
        alias,
        [
            StoredSchedule(name=f"s{n}", next_at=at, wake_at=at, changed_at=now, **common)
            for n, at in enumerate(later)
        ],
    )
    table = Schedules(session, "", "default")
    check(session, alias, "convoy_schedule_wake", table.next_wake)
    check(session, alias, "convoy_schedule_wake", lambda: table.take_due(200))


def test_of_the_outbox_the_first_entry_of_an_index_is_read(alias, session):
    now = clock.now()
    fill(
        alias,
        [
            OutboxJob(
                id=job_id,
                backend="default",
                state="parked",
                wake_at=now + timedelta(hours=1, seconds=number),
                enqueued_at=now,
                **JOB,
            )
            for number, job_id in enumerate(ids.job_ids(ROWS))
        ],
    )
    table = Outbox(session, "default")
    check(session, alias, "convoy_outbox_wake", table.next_due)
    check(session, alias, "convoy_outbox_wake", lambda: table.take(500))


def test_of_spilled_payloads_only_those_that_expired_are_read(alias, session):
    until = clock.now() + timedelta(hours=1)
    fill(
        alias,
        [
            SpilledPayload(id=job_id, backend="default", payload="{}", expires_at=until)
            for job_id in ids.job_ids(ROWS)
        ],
    )
    spill = Spill(session, "default", ElsewhereBroker(), writes=True)
    check(session, alias, "convoy_spilled_expires", spill.prune, "expires_at")
    with recorded(session.connection) as statements:
        spill.delete(["0" * 32, "1" * 32])
        spill.keep(["0" * 32], 0.0)
    assert len(statements) == 3
    for statement in statements:
        steps = plan(session.connection, statement)
        assert not any(words in steps for words in WALKS[alias]), f"{statement[0]}\n{steps}"
