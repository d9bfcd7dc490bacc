"""What asked to run at most once never runs twice, and what became of it is still told."""

import signal
from collections.abc import Callable

import pytest

from tests.worker.site import Site, kill, wait_for

SLOTS = pytest.mark.parametrize("flags", [(), ("--threads", "2"), ("--async", "2")], ids=" ".join)


@SLOTS
def test_it_runs_once_and_its_result_is_kept(site: Site, flags: list[str]) -> None:
    ids = site.enqueue_many("add", [[number, 1] for number in range(20)], delivery="at_most_once")
    ids += site.enqueue_many(
        "add_async", [[number, 1] for number in range(20)], delivery="at_most_once"
    )
    site.burst("--processes", "1", *flags)
    assert [site.result(job_id)["value"] for job_id in ids] == [*range(1, 21), *range(1, 21)]


@SLOTS
def test_a_killed_worker_does_not_run_it_again_and_says_so(site: Site, flags: list[str]) -> None:
    job_id = site.enqueue("slow_once", "me", 30)
    tree = site.worker("--processes", "1", *flags)
    site.wait_journal("start", "me")
    kill(*tree.workers())
    wait_for(lambda: site.sql("SELECT status FROM convoy_history"), "a record")
    result = site.result(job_id)
    assert result["status"] == "FAILED"
    assert "SIGKILL" in result["errors"][0]["message"]
    site.wait_finished(site.enqueue("quick", "after"))
    assert len(site.journal("start")) == 1


@SLOTS
def test_one_that_fails_is_logged_as_others_are(site: Site, flags: list[str]) -> None:
    job_id = site.enqueue("fail_until", "me", 2, delivery="at_most_once")
    tree = site.burst("--processes", "1", *flags)
    assert site.result(job_id)["status"] == "FAILED"
    assert f"job {job_id} (tests.worker.project.tasks.fail_until) failed at attempt 1: " in tree.log


@pytest.mark.slow
def test_a_killed_host_does_not_run_it_again(make_site: Callable[..., Site]) -> None:
    site = make_site(options={"lease": 2})
    site.enqueue("slow_once", "me", 3)
    tree = site.worker("--processes", "1")
    site.wait_journal("start", "me")
    tree.kill()
    assert site.live() == 0
    site.burst("--processes", "1")
    assert len(site.journal("start")) == 1


def test_it_may_run_longer_than_a_lease_even_where_lost_leases_kill(
    make_site: Callable[..., Site],
) -> None:
    site = make_site(options={"lease": 2, "on_lost_lease": "kill"})
    job_id = site.enqueue("slow_once", "me", 6)
    tree = site.worker("--processes", "1")
    site.wait_journal("end", "me")
    wait_for(lambda: site.sql("SELECT id FROM convoy_history"), "a record")
    result = site.result(job_id)
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 1)
    assert "lost" not in tree.log


def test_a_stop_that_kills_it_says_so(site: Site) -> None:
    job_id = site.enqueue("slow_once", "me", 60)
    tree = site.worker("--processes", "1")
    site.wait_journal("start", "me")
    tree.signal(signal.SIGINT)
    tree.signal(signal.SIGINT)
    wait_for(lambda: tree.process.poll() is not None or tree.signal(signal.SIGINT), "the end")
    result = site.result(job_id)
    assert result["status"] == "FAILED"
    assert "stop" in result["errors"][0]["message"]
