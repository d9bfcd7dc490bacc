"""Idle workers on PostgreSQL sleep until they are woken; looking by themselves is the net.

An attended worker looks every quarter of a minute at most, so what starts sooner was announced.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from django_convoy.brokers.database_idling import ATTENDED_POLL
from tests.worker.site import Site, kill, wait_for

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
SOON = ATTENDED_POLL / 4
"""Seconds: sooner than any look of a worker that sleeps."""


def listeners(site: Site) -> list[int]:
    """The connections that ask to be told of new jobs."""
    rows = site.sql(
        "SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return [pid for (pid,) in rows]


def wait_attended(site: Site) -> int:
    """Wait until a listener attends and the workers have had their second look."""
    (pid,) = wait_for(lambda: listeners(site), "a listener")
    time.sleep(0.5)
    return int(pid)


def started_soon(site: Site, *words: object, count: int = 1) -> None:
    wait_for(lambda: len(site.journal(*words)) >= count, f"{words} did not start", SOON)


@pytest.fixture
def site(make_postgres_site: Callable[..., Site]) -> Site:
    return make_postgres_site(options={"lease": 30})


def test_one_enqueue_wakes_an_idle_worker(site: Site) -> None:
    site.worker("--processes", "2")
    wait_attended(site)
    for number in range(5):
        site.enqueue("quick", number)
        started_soon(site, "quick", number)


def test_jobs_of_a_transaction_wake_when_it_commits(site: Site) -> None:
    site.worker("--processes", "2")
    wait_attended(site)
    site.enqueue_many("quick", [[number] for number in range(50)])
    started_soon(site, "quick", count=50)
    site.enqueue("transfer", 1)
    started_soon(site, "quick", "follows-1")


def test_what_falls_due_wakes(site: Site) -> None:
    site.worker("--processes", "2")
    wait_attended(site)
    site.enqueue("quick", "late", run_after=1.0)
    site.enqueue("fail_until", "me", 2, retries=1, backoff=1.0)
    started_soon(site, "quick", "late")
    started_soon(site, "try", count=2)


def test_what_another_host_left_behind_wakes(site: Site) -> None:
    """Leases that lapse become suspects: whoever was woken for that runs them, too."""
    site.worker("--processes", "2")
    wait_attended(site)
    for number in range(2):  # those who know of no suspect, and those who have known one
        site.enqueue_many("quick", [[number] for _ in range(3)], run_after=1.5)
        site.sql(
            "UPDATE convoy_job SET state = 'leased', attempt = 1, token = 'gone', worker = 'gone' "
            "WHERE state = 'delayed'"
        )
        started_soon(site, "quick", number, count=3)
        site.wait_empty()


def test_few_of_many_idle_workers_look_for_one_job(site: Site) -> None:
    site.worker("--processes", "8")
    wait_attended(site)
    wait_for(lambda: len(_workers_backends(site)) >= 8, "all workers to have looked")
    for number in range(3):
        time.sleep(0.5)
        ((before,),) = site.sql("SELECT clock_timestamp()::text")
        site.enqueue("quick", number)
        started_soon(site, "quick", number)
        time.sleep(0.5)
        assert len(_workers_backends(site, before)) <= 3


def _workers_backends(site: Site, since: str = "1970-01-01Z") -> list[list[object]]:
    """Connections of the tree that claimed something, or tried to, since a time."""
    return site.sql(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'convoy' AND state_change > %s::timestamptz "
        "AND (query LIKE '%%hop%%' OR query LIKE '%%convoy_job%%')",
        since,
    )


def test_idle_workers_ask_nothing(site: Site) -> None:
    site.worker("--processes", "4")
    wait_attended(site)
    time.sleep(1)
    ((before,),) = site.sql("SELECT clock_timestamp()::text")
    time.sleep(4)
    assert _workers_backends(site, before) == []


def test_a_listener_that_is_cut_off_is_replaced_and_meanwhile_workers_look(site: Site) -> None:
    tree = site.worker("--processes", "2")
    for number in range(3):
        pid = wait_attended(site)
        site.sql("SELECT pg_terminate_backend(%s)", pid)
        site.enqueue("quick", number)
        started_soon(site, "quick", number)
        wait_for(lambda pid=pid: pid not in listeners(site), "another listener")
    wait_attended(site)
    assert "meanwhile workers look each second" in tree.log


def test_a_stewards_death_costs_no_wakeups(site: Site) -> None:
    tree = site.worker("--processes", "2")
    pid = wait_attended(site)
    kill(tree.steward())
    wait_for(lambda: listeners(site) and pid not in listeners(site), "another listener")
    time.sleep(0.5)
    site.enqueue("quick", "me")
    started_soon(site, "quick", "me")


def test_nobody_is_told_while_everybody_is_at_work(site: Site) -> None:
    site.worker("--processes", "1")
    wait_attended(site)
    site.enqueue("slow", "me", 3)
    site.wait_journal("start", "me")
    time.sleep(0.2)
    site.enqueue("quick", "first")  # found nobody asleep
    wait_for(lambda: not listeners(site), "the lock to be let go", 2.5)
    site.enqueue("quick", "second")
    started_soon(site, "quick", count=2)
    wait_attended(site)
    site.enqueue("quick", "third")
    started_soon(site, "quick", "third")


def test_a_site_may_do_without_listening(make_postgres_site: Callable[..., Site]) -> None:
    site = make_postgres_site(options={"broker": {"name": "database", "listen": False}})
    site.worker("--processes", "2")
    time.sleep(2)
    site.enqueue("quick", "me")
    started_soon(site, "quick", "me")
    assert not listeners(site)


def test_a_tree_leaves_nothing_behind(site: Site) -> None:
    tree = site.worker("--processes", "2")
    wait_attended(site)
    folder = Path(tempfile.gettempdir(), f"convoy-{os.geteuid()}-{tree.pid}")
    assert folder.is_dir()
    assert tree.stop() == 0
    assert not folder.exists()
    assert not listeners(site)
