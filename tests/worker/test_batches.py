"""Jobs claimed together do not wait for each other, and do not pay for each other."""

import time

import pytest

from tests.worker.site import Site, kill, wait_for

QUICK = [[f"quick-{number}"] for number in range(200)]


def warm(site: Site) -> None:
    """Let the workers learn that `quick` is quick."""
    site.enqueue_many("quick", [[f"warm-{number}"] for number in range(300)])
    site.wait_empty()


@pytest.mark.slow
@pytest.mark.parametrize("slow", ["slow", "freeze_interpreter"])
def test_what_finished_before_a_slow_job_is_seen_at_once(site: Site, slow: str) -> None:
    tree = site.worker("--processes", "1")
    warm(site)
    before = site.enqueue_many("quick", QUICK[:5])
    blocking = site.enqueue(slow, "me", 6)
    site.wait_journal("start", "me")
    began = time.monotonic()
    site.wait_finished(*before, seconds=4)
    assert not site.journal("end", "me"), f"only after the slow one: {time.monotonic() - began}"
    kill(*tree.workers())
    site.wait_finished(blocking)
    lines = [line[1] for line in site.journal("quick") if not line[1].startswith("warm")]
    assert sorted(lines) == sorted(name for (name,) in QUICK[:5])


def test_outcomes_held_when_a_known_quick_task_turns_slow_are_settled(site: Site) -> None:
    """The worker takes it for quick, so it holds what ended before; the steward settles that."""
    tree = site.worker("--processes", "1")
    site.enqueue_many("count", [[number] for number in range(300)])
    site.wait_empty()
    before = site.enqueue_many("count", [[number] for number in range(1000, 1005)])
    blocking = site.enqueue("count", 2000, 6)
    site.wait_journal("count", 2000)
    site.wait_finished(*before, seconds=4)
    wait_for(lambda: site.result(blocking)["status"] == "RUNNING", "RUNNING", 4)
    kill(*tree.workers())
    site.wait_finished(blocking)
    assert [len(site.journal("count", number)) for number in range(1000, 1005)] == [1] * 5
    assert len(site.journal("count", 2000)) == 2


@pytest.mark.slow
def test_what_was_claimed_behind_a_slow_job_goes_to_others(site: Site) -> None:
    site.worker("--processes", "2")
    warm(site)
    slow = site.enqueue("slow", "me", 6, priority=1)
    behind = site.enqueue_many("quick", QUICK)
    site.wait_journal("start", "me")
    site.wait_finished(*behind, seconds=4)
    assert not site.journal("end", "me")
    assert {site.attempts(job_id) for job_id in behind} == {1}
    assert len([line for line in site.journal("quick") if "quick-" in line[1]]) == len(QUICK)
    site.wait_finished(slow)


@pytest.mark.slow
def test_a_known_quick_task_that_turns_slow_gives_back_what_is_behind_it(site: Site) -> None:
    site.worker("--processes", "2")
    site.enqueue_many("count", [[number] for number in range(400)])
    site.wait_empty()
    calls = [[1000, 6.0], *([number] for number in range(1001, 1100))]
    ids = site.enqueue_many("count", calls)
    site.wait_journal("count", 1000)
    site.wait_finished(*ids[1:], seconds=4)
    assert site.result(ids[0])["status"] == "RUNNING"
    site.wait_finished(ids[0])
    assert {site.attempts(job_id) for job_id in ids} == {1}
    assert len(site.journal("count")) == 500


def test_a_slow_job_reads_running(site: Site) -> None:
    job_id = site.enqueue("slow", "me", 3)
    site.worker("--processes", "1")
    site.wait_journal("start", "me")
    wait_for(lambda: site.result(job_id)["status"] == "RUNNING", "RUNNING")
    result = site.result(job_id)
    assert result["started"]
    site.wait_finished(job_id)


@pytest.mark.slow
def test_objects_are_loaded_when_their_job_starts_not_when_it_is_claimed(site: Site) -> None:
    """Also in a batch, where the job before it changes the object."""
    site.enqueue("make_numbers", 200)
    site.burst("--processes", "1")
    read = site.journal("read")
    assert len(read) == 200
    assert [line for line in read if line[1] != line[2]] == []
