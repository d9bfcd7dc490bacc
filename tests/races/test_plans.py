"""What hot statements cost does not grow with the jobs that they do not touch."""

from datetime import timedelta

import pytest

from django_convoy.contracts.store import SUCCESSFUL, Record
from django_convoy.db.models import LiveJob
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import NO_NOTE, Note
from django_convoy.domain.verdict import DONE, Again, Bury
from tests.databases import POSTGRES, on_each_database
from tests.races.plans import plan, recorded

pytestmark = pytest.mark.slow

ROWS = 20_000
STATES = ("ready", "delayed", "leased", "buried")
WALKS = {
    "default": ("SCAN convoy_job", "TEMP B-TREE"),
    "postgres": ("Seq Scan", "Sort"),
    "mariadb": ("convoy_job ALL", "victim ALL", "filesort", "temporary"),
}


@pytest.fixture
def crowd(alias):
    """Many jobs of every state in another queue, most of them ready."""
    now, later = clock.now(), clock.now() + timedelta(days=1)
    states = [STATES[number % 16] if number % 16 < 4 else "ready" for number in range(ROWS)]
    LiveJob.objects.using(alias).bulk_create(
        [
            LiveJob(
                id=job_id,
                queue="crowd",
                task="a.b",
                payload="{}",
                seal="1j-:x",
                key_id="k",
                priority=0,
                state=state,
                wake_at=later if state in ("delayed", "leased") else None,
                enqueued_at=now,
                token="t" if state == "leased" else "",
            )
            for job_id, state in zip(ids.job_ids(ROWS), states, strict=True)
        ],
        batch_size=2000,
    )


def analyze(alias, broker):
    sql = "ANALYZE TABLE convoy_job" if alias == "mariadb" else "ANALYZE convoy_job"
    broker.session.read(lambda cursor: cursor.execute(sql))


def work_through_every_verb(broker):
    broker.put(40)
    leases = broker.take(20)
    broker.renew(leases, lease=60)
    broker.next_due()
    verdicts = [DONE, Again(0, False, Note()), Again(9, True, Note()), Bury(Note())] * 5
    assert all(broker.settle(list(zip(leases, verdicts, strict=True))))
    broker.find(leases[1].id)
    broker.revive(leases[3].id)
    broker.remove(leases[1].id)
    broker.ready_queues()
    assert len(broker.take(200)) > 20


@on_each_database
@pytest.mark.parametrize("analyzed", [False, True], ids=["fresh", "analyzed"])
def test_no_statement_walks_the_table_or_sorts_the_backlog(alias, worker, crowd, analyzed):
    broker = worker()
    if analyzed or alias == "postgres":  # whose autovacuum is never far
        analyze(alias, broker)
    with recorded(broker.session.connection) as statements:
        work_through_every_verb(broker)
    assert len(statements) > 15
    for statement in statements:
        steps = plan(broker.session.connection, statement)
        walks = [word for word in WALKS[alias] if word in steps]
        assert not walks, f"{statement[0]}\n{steps}"


@on_each_database
def test_a_claim_in_a_crowded_queue_reads_its_index_in_order(alias, worker, crowd):
    broker = worker()
    analyze(alias, broker)
    with recorded(broker.session.connection) as statements:
        leases = broker.claim(["crowd"], limit=10, lease=60, worker="w")
    assert len(leases) == 10
    claims = [one for one in statements if "ORDER BY priority" in one[0]]
    assert claims
    for statement in claims:
        steps = plan(broker.session.connection, statement)
        assert "convoy_job_ready" in steps
        assert not [word for word in WALKS[alias] if word in steps], steps


@on_each_database
def test_a_sweep_reads_the_index_of_wake_times(alias, worker, crowd):
    broker = worker()
    analyze(alias, broker)
    with recorded(broker.session.connection) as statements:
        broker.take()
        broker.next_due()
    sweeps = [one for one in statements if "wake_at <=" in one[0] or "ORDER BY wake_at" in one[0]]
    assert len(sweeps) >= 2
    for statement in sweeps:
        assert "convoy_job_wake" in plan(broker.session.connection, statement)


@pytest.mark.parametrize("alias", [POSTGRES])
def test_plans_made_while_the_table_is_empty_stay_good(alias, worker):
    """A worker keeps the plans of its first minute, when there may be a million jobs later."""
    broker = worker()
    analyze(alias, broker)
    for count in (1, 3):
        broker.put(count)
        leases = broker.take(count)
        broker.mark_started([(lease, clock.now()) for lease in leases])
        assert all(broker.settle_and_record([(one, DONE, recorded_end(one)) for one in leases]))
        broker.put(count)
        assert all(broker.settle([(one, DONE) for one in broker.take(count)]))
    kept = broker.session.statement(
        "SELECT name, statement, cardinality(parameter_types) FROM pg_prepared_statements "
        "WHERE statement LIKE '%%convoy_job%%' AND statement NOT LIKE 'INSERT%%'"
    )
    assert len(kept) >= 6
    marked = False
    for name, statement, parameters in kept:
        given = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
        rows = broker.session.statement(f"EXPLAIN EXECUTE {name}{given}")
        steps = "\n".join(row[0] for row in rows)
        walks = [word for word in ("Seq Scan", "Hash Join", "Merge Join") if word in steps]
        assert not walks, f"{statement}\n{steps}"
        if "urgent" in statement:  # both of its walks begin at the mark
            assert steps.count("using convoy_job_ready") == 2, steps
            marked = True
    assert marked


def recorded_end(lease):
    now = clock.now()
    return Record(lease.envelope, SUCCESSFUL, 1, NO_NOTE, "null", now, now, None, "w")
