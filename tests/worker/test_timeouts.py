"""Soft timeouts are raised in the body; hard ones end the process, and neighbours finish first."""

import time

import pytest

from tests.worker.site import Site, wait_for

SLOTS = pytest.mark.parametrize("flags", [(), ("--threads", "3"), ("--async", "3")], ids=" ".join)


@SLOTS
def test_a_body_can_catch_its_timeout(site: Site, flags: list[str]) -> None:
    job_id = site.enqueue("catch_timeout", "me", 30, timeout=0.5)
    tree = site.burst("--processes", "1", *flags)
    result = site.result(job_id)
    assert (result["status"], result["value"]) == ("SUCCESSFUL", "caught"), tree.log
    assert "killed" not in tree.log


@pytest.mark.slow
@SLOTS
@pytest.mark.parametrize("task", ["slow", "slow_async"])
def test_a_timeout_fails_the_job_and_is_retried_by_its_policy(
    site: Site, flags: list[str], task: str
) -> None:
    again = site.enqueue(task, "again", 2, timeout=0.4, retries=1, backoff=0.1)
    never = site.enqueue(task, "never", 2, timeout=0.4)
    fine = site.enqueue(task, "fine", 0.1, timeout=30)
    site.worker("--processes", "1", *flags)
    results = site.wait_finished(again, never, fine, seconds=20)
    assert [one["status"] for one in results] == ["FAILED", "FAILED", "SUCCESSFUL"]
    assert [one["attempts"] for one in results] == [2, 1, 1]
    assert "TimeoutExceeded" in results[1]["errors"][0]["path"]
    assert "0.4 s" in results[1]["errors"][0]["message"]
    if "--threads" not in flags or task == "slow_async":  # sleeping in C is not interrupted there
        assert {line[1] for line in site.journal("end")} == {"fine"}


def test_a_timeout_of_the_worker_is_for_tasks_without_one(site: Site) -> None:
    without = site.enqueue("slow", "without", 20)
    longer = site.enqueue("slow", "longer", 1.5, timeout=20)
    site.worker("--processes", "2", "--timeout", "0.5")
    results = site.wait_finished(without, longer)
    assert [one["status"] for one in results] == ["FAILED", "SUCCESSFUL"]


@pytest.mark.parametrize("task", ["swallow_everything", "freeze_interpreter"])
def test_what_does_not_heed_its_timeout_is_killed(site: Site, task: str) -> None:
    before = site.enqueue("quick", "before")
    job_id = site.enqueue(task, "me", 30, timeout=0.5, grace=0.5, retries=1, backoff=0.1)
    after = site.enqueue("quick", "after")
    tree = site.worker("--processes", "1")
    (result, *_) = site.wait_finished(job_id, before, after, seconds=20)
    assert (result["status"], result["attempts"]) == ("FAILED", 2)
    assert "TimeoutExceeded" in result["errors"][0]["path"]
    assert "its process was killed" in result["errors"][0]["message"]
    assert len(site.journal("start", "me")) == 2
    assert not site.journal("end", "me")
    assert not site.note(job_id).get("crashes")  # an overrun is an error, not a crash
    # The steward may settle the job before the supervisor has replaced the worker.
    wait_for(lambda: len(tree.workers()) == 1, lambda: tree.log)
    assert tree.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("flags", [("--threads", "3"), ("--async", "3")], ids=" ".join)
def test_neighbours_of_an_overdue_job_finish(site: Site, flags: list[str]) -> None:
    bad = site.enqueue("swallow_everything", "bad", 30, timeout=0.5, grace=0.5)
    neighbours = site.enqueue_many("slow", [["one", 3], ["two", 3.5]])
    later = site.enqueue_many("quick", [[number] for number in range(20)])
    tree = site.worker("--processes", "1", *flags)
    site.wait_journal("start", count=3)
    (result, *others) = site.wait_finished(bad, *neighbours, *later, seconds=20)
    assert result["status"] == "FAILED"
    assert "its process was killed" in result["errors"][0]["message"]
    assert {one["status"] for one in others} == {"SUCCESSFUL"}
    assert {one["attempts"] for one in others} == {1}
    assert len(site.journal("end")) == 2
    assert tree.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("flags", [("--threads", "2"), ("--async", "2")], ids=" ".join)
def test_a_neighbour_that_takes_too_long_is_interrupted_without_a_charge(
    site: Site, flags: list[str]
) -> None:
    bad = site.enqueue("swallow_everything", "bad", 60, timeout=0.5, grace=0.5)
    neighbour = site.enqueue("slow", "long", 4)
    site.worker("--processes", "1", *flags, "--drain", "1")
    results = site.wait_finished(bad, neighbour)
    assert [one["status"] for one in results] == ["FAILED", "SUCCESSFUL"]
    assert len(site.journal("start", "long")) == 2
    note = site.note(neighbour)
    assert not note.get("crashes")
    assert "past its timeout" in note["ended"]


@pytest.mark.slow
def test_a_timeout_hits_the_body_alone(site: Site) -> None:
    """Many bodies that end just when their time is up: each has one outcome, none is stuck."""
    ids = site.enqueue_many("slow", [[str(number), 0.05] for number in range(150)], timeout=0.052)
    tree = site.worker("--processes", "1", "--threads", "4")
    wait_for(lambda: not site.live(), lambda: f"stuck: {site.live()}\n{tree.log}", 60)
    statuses = {site.result(job_id)["status"] for job_id in ids}
    assert statuses <= {"SUCCESSFUL", "FAILED"}
    assert "runner failed" not in tree.log
    began = time.monotonic()
    assert tree.stop() == 0
    assert time.monotonic() - began < 20
