"""Where processes cannot be forked, one process runs the jobs in threads, and says so."""

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
