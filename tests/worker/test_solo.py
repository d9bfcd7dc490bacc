"""Where processes cannot be forked, one process runs the jobs in threads, and says so."""

import json
import signal
import time
from collections.abc import Callable

import pytest

from tests.worker.site import Site, Tree, wait_for


def solo(site: Site, *flags: str) -> Tree:
    return site.worker(*flags, CONVOY_SITE_NO_FORK="1")


@pytest.mark.slow
def test_jobs_run_in_one_process(site: Site) -> None:
    ids = site.enqueue_many("add", [[number, 1] for number in range(50)])
    failing = site.enqueue("fail_until", "me", 3, retries=3, backoff=0.1)
    late = site.enqueue("catch_timeout", "me", 30, timeout=0.3)
    tree = solo(site, "--processes", "3", "--burst")
    assert tree.wait() == 0
    assert "cannot fork" in tree.log
    assert [site.result(job_id)["value"] for job_id in ids] == list(range(1, 51))
    assert site.result(failing)["attempts"] == 3
    assert site.result(late)["value"] == "caught"


@pytest.mark.slow
def test_leases_are_renewed_and_a_stop_drains(make_site: Callable[..., Site]) -> None:
    site = make_site(options={"lease": 2})
    job_id = site.enqueue("slow", "long", 6)
    tree = solo(site, "--processes", "2")
    site.wait_journal("start", "long")
    site.worker("--processes", "1")  # another tree, which would take a lapsed lease
    wait_for(lambda: len(site.journal("start")) == 1, "one start")
    assert tree.stop() == 0
    (result,) = site.wait_finished(job_id)
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 1)
    assert len(site.journal("start")) == len(site.journal("end")) == 1


def test_what_a_killed_process_held_runs_again(make_site: Callable[..., Site]) -> None:
    site = make_site(options={"lease": 2})
    job_id = site.enqueue("slow", "me", 2)
    tree = solo(site, "--processes", "1")
    site.wait_journal("start", "me")
    tree.process.kill()
    tree.wait()
    solo(site, "--processes", "1")
    (result,) = site.wait_finished(job_id)
    assert result["status"] == "SUCCESSFUL"
    assert site.attempts(job_id) == 2


@pytest.mark.parametrize(
    "flags",
    [
        ("--async", "5"),
        ("--max-jobs", "3"),
        ("--max-rss", "1G"),
        ("--affinity", "1"),
        ("--reload",),
    ],
    ids=" ".join,
)
def test_flags_that_need_processes_are_refused(site: Site, flags: list[str]) -> None:
    tree = solo(site, *flags)
    assert tree.wait() == 1
    assert f"{flags[0]}: this platform cannot fork, so all jobs run in one process" in tree.log


def test_settings_that_need_processes_are_named_and_do_no_harm(
    make_site: Callable[..., Site],
) -> None:
    worker = {"concurrency": 9, "max_jobs": 2, "max_rss": "1M", "affinity": 1, "processes": 2}
    site = make_site(options={"lease": 5, "worker": worker, "on_lost_lease": "kill"})
    ids = site.enqueue_many("add", [[number, 1] for number in range(9)])
    ids += site.enqueue_many("add_async", [[number, 1] for number in range(9)])
    tree = solo(site, "--burst")
    assert tree.wait() == 0
    assert [site.result(one)["value"] for one in ids] == list(range(1, 10)) * 2
    names = "concurrency, max_jobs, max_rss, affinity, on_lost_lease"
    assert f"settings without effect in one process: {names}" in tree.log


@pytest.mark.slow
def test_it_is_seen_and_stops_when_it_is_told_to(site: Site) -> None:
    tree = solo(site, "--processes", "2", "--name", "alone")
    site.wait_finished(site.enqueue("add", 1, 1))
    (seen,) = wait_for(lambda: json.loads(site.run("convoy", "workers", "--json")), "its report")
    assert (seen["name"], seen["pid"], seen["state"]) == ("alone", tree.pid, "running")
    site.run("convoy", "workers", "stop", "alone", "--wait")
    assert tree.wait() == 0
    assert json.loads(site.run("convoy", "workers", "--json")) == []


@pytest.mark.slow
def test_what_has_had_its_time_is_pruned(make_site: Callable[..., Site]) -> None:
    site = make_site(options={"lease": 5, "retention": {"successes": 0.1}})
    site.enqueue("add", 1, 1)
    site.burst("--processes", "1")
    tree = solo(site, "--processes", "1")
    gone = "SELECT count(*) FROM convoy_history"
    wait_for(lambda: site.sql(gone) == [[0]], "the record's end")
    assert tree.stop() == 0


@pytest.mark.parametrize("twice", [False, True], ids=["drain", "two interrupts"])
def test_a_job_that_does_not_end_in_time_is_left(site: Site, twice: bool) -> None:
    job_id = site.enqueue("slow", "me", 60)
    tree = solo(site, "--processes", "1", "--drain", "30" if twice else "1")
    site.wait_journal("start", "me")
    began = time.monotonic()
    tree.signal(signal.SIGINT)
    wait_for(lambda: "stopping: " in tree.log, lambda: tree.log)
    if twice:
        tree.signal(signal.SIGINT)
    assert tree.wait() == 0
    assert time.monotonic() - began < 8
    assert "their leases will lapse" in tree.log
    site.worker("--processes", "1")
    site.wait_journal("start", "me", 2)
    assert not site.note(job_id).get("crashes")


def test_a_transaction_that_stays_open_is_warned_about(make_site: Callable[..., Site]) -> None:
    site = make_site(options={"lease": 1.8, "worker": {"long_transaction": 0.1}})
    job_id = site.enqueue("transfer", 9, 0.5)
    tree = solo(site, "--processes", "1")
    site.wait_finished(job_id)
    wait_for(lambda: f"job {job_id}" in tree.log, lambda: tree.log)
    assert "its transaction has been open for" in tree.log
    assert tree.stop() == 0
