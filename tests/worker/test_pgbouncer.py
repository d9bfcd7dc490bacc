"""A site whose database is reached through PgBouncer, which gives each transaction another
connection: jobs are enqueued, run and settled there as anywhere."""

from collections.abc import Callable

import pytest

from tests.worker.site import Site, wait_for

pytestmark = [pytest.mark.postgres, pytest.mark.pgbouncer, pytest.mark.slow]

SITE = {"pooled": True, "options": {"lease": 5}}
LISTENERS = (
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
    "WHERE locktype = 'advisory' AND mode = 'ShareLock' AND classid = 1131376761 AND objid = 1 "
    "AND granted AND datname = current_database()"
)
"""Those who say by an advisory lock that they want to be told."""
SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND query LIKE {} AND pid <> pg_backend_pid()"
)


def test_a_tree_drains_the_queue(make_postgres_site: Callable[..., Site]) -> None:
    site = make_postgres_site(**SITE)
    ids = site.enqueue_many("count", [[number] for number in range(500)])
    again = site.enqueue("fail_until", "me", 3, retries=3, backoff=0.1)
    lost = site.enqueue("fail_until", "never", 9, retries=1, backoff=0.1)
    site.burst("--processes", "2")
    assert site.sql(
        "SELECT status, count(*), count(DISTINCT id) FROM convoy_history "
        "WHERE task LIKE '%%count' GROUP BY 1"
    ) == [["SUCCESSFUL", 500, 500]]
    assert len(site.journal("count")) == len(ids)
    kept, failed = site.wait_finished(again, lost)
    assert (kept["status"], kept["attempts"]) == ("SUCCESSFUL", 3)
    assert (failed["status"], failed["attempts"]) == ("FAILED", 2)


def test_an_atomic_job_commits_with_what_it_wrote(make_postgres_site: Callable[..., Site]) -> None:
    site = make_postgres_site(**SITE)
    done, failed = site.enqueue("transfer", 7), site.enqueue("transfer_and_fail", 8)
    site.burst("--processes", "1")
    statuses = [one["status"] for one in site.wait_finished(done, failed)]
    assert statuses == ["SUCCESSFUL", "FAILED"]
    assert site.sql("SELECT text, number FROM testapp_note ORDER BY id") == [
        ["first", 7],
        ["second", 7],
    ]
    assert [line[1] for line in site.journal("quick")] == ["follows-7"]


def test_what_is_enqueued_comes_and_goes_with_its_transaction(
    make_postgres_site: Callable[..., Site],
) -> None:
    site = make_postgres_site(**SITE)
    many = [["many"]] * 20
    site.enqueue("quick", "outside")
    site.enqueue_in_transaction("quick", [["kept"]], commit=True)
    site.enqueue_in_transaction("quick", many, commit=True)
    site.enqueue_in_transaction("quick", [["lost"]], commit=False)
    site.enqueue_in_transaction("quick", many, commit=False)
    assert site.live() == 22
    site.burst("--processes", "1")
    assert sorted({line[1] for line in site.journal("quick")}) == ["kept", "many", "outside"]
    assert len(site.journal("quick")) == 22


def test_nobody_listens_through_the_pooler_and_jobs_start_nevertheless(
    make_postgres_site: Callable[..., Site],
) -> None:
    site = make_postgres_site(**SITE)
    tree = site.worker("--processes", "1")
    site.enqueue("quick", "first")
    site.wait_journal("quick", "first")
    site.wait_empty()
    site.enqueue("quick", "second")
    site.wait_journal("quick", "second")
    site.wait_empty()
    assert site.sql(LISTENERS) == [[0]]
    assert site.sql(SESSIONS.format("'LISTEN%%'")) == [[0]]
    assert tree.stop() == 0


def test_a_steward_with_a_way_past_the_pooler_listens_there(
    make_postgres_site: Callable[..., Site],
) -> None:
    site = make_postgres_site(heard=True, **SITE)
    tree = site.worker("--processes", "2")
    # Asked for over a connection of the pool, so it is another session's lock.
    wait_for(lambda: site.sql(LISTENERS) == [[1]], "a listener")
    site.enqueue("quick", "announced")
    site.wait_journal("quick", "announced")
    site.enqueue("quick", "delayed", run_after=0.3)
    site.wait_journal("quick", "delayed")
    site.wait_empty()
    assert site.sql(LISTENERS) == [[1]]
    assert tree.stop() == 0
    wait_for(lambda: site.sql(LISTENERS) == [[0]], "its connection's end")
    assert "cannot hear" not in tree.log
