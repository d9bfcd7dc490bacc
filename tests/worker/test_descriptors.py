"""A task that closes the descriptors of its worker costs that worker, and nobody else."""

import time

import pytest

from tests.worker.site import Site, wait_for

SLOTS = pytest.mark.parametrize("flags", [(), ("--threads", "2"), ("--async", "2")], ids=" ".join)


@SLOTS
@pytest.mark.parametrize("how", ["only", "and open others"])
def test_its_outcome_is_kept_and_its_worker_leaves_at_once(
    site: Site, how: str, flags: list[str]
) -> None:
    tree = site.worker("--processes", "1", *flags)
    (old,) = wait_for(tree.workers, "a worker")
    job_id = site.enqueue("close_descriptors", how)
    site.wait_journal("closed")
    began = time.monotonic()
    wait_for(lambda: [one for one in tree.workers() if one != old], "a replacement")
    (result,) = site.wait_finished(job_id)
    assert time.monotonic() - began < 3
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 1)
    site.wait_finished(site.enqueue("add", 1, 2))
    assert tree.stop() == 0
    lines = [line for line in tree.log.splitlines() if "ERROR" in line or "WARNING" in line]
    assert len(lines) == 1, tree.log
    (line,) = lines
    assert f"job {job_id}" in line
    assert "the worker leaves, and is replaced" in line
    assert "Traceback" not in tree.log


def test_neighbours_run_again_and_are_not_charged(site: Site) -> None:
    neighbour = site.enqueue("slow", "beside", 1)
    tree = site.worker("--processes", "1", "--threads", "2")
    site.wait_journal("start", "beside")
    site.enqueue("close_descriptors", "only")
    (result,) = site.wait_finished(neighbour)
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 2)
    note = site.note(neighbour)
    assert not note.get("crashes")
    assert "closed its file descriptors" in note["ended"]
    assert tree.stop() == 0


@pytest.mark.parametrize("how", ["only", "and open others"])
def test_among_many_quick_jobs_each_is_run_once(site: Site, how: str) -> None:
    before = site.enqueue_many("count", [[number] for number in range(300)])
    guilty = site.enqueue("close_descriptors", how)
    after = site.enqueue_many("count", [[number] for number in range(300, 600)])
    tree = site.worker("--processes", "1")
    results = site.wait_finished(*before, guilty, *after)
    assert {one["status"] for one in results} == {"SUCCESSFUL"}
    assert len(site.journal("count")) == 600
    assert len(site.journal("closed")) == 1
    assert "the worker leaves, and is replaced" in tree.log
    assert tree.stop() == 0


def test_without_an_outcome_that_could_be_kept_it_is_a_crash(site: Site) -> None:
    job_id = site.enqueue("close_descriptors", "and fail")
    site.worker("--processes", "1")
    (result,) = site.wait_finished(job_id, seconds=20)
    assert result["detail"] == "QUARANTINED"
    assert "closed its file descriptors" in result["errors"][-1]["message"]


def test_an_event_loop_that_cannot_go_on_ends_its_worker(site: Site) -> None:
    job_id = site.enqueue("close_descriptors_async")
    tree = site.worker("--processes", "1", "--async", "2")
    (result,) = site.wait_finished(job_id, seconds=10)
    assert result["detail"] == "QUARANTINED"
    assert "the event loop failed with" in tree.log
    assert tree.stop() == 0
