"""A job that takes its worker down, or all workers, is set aside; its neighbours are unharmed."""

from collections.abc import Callable

import pytest

from tests.worker.site import Site, wait_for


@pytest.mark.slow
@pytest.mark.parametrize("how", ["exit", "segfault", "kill"])
@pytest.mark.parametrize("flags", [(), ("--threads", "2"), ("--async", "2")], ids=" ".join)
def test_a_job_that_kills_its_worker_is_quarantined(site: Site, how: str, flags: list[str]) -> None:
    before = site.enqueue_many("count", [[number] for number in range(100)])
    poison = site.enqueue("crash", how, crash_budget=2)
    after = site.enqueue_many("count", [[number] for number in range(100, 200)])
    tree = site.worker("--processes", "2", *flags)
    (result,) = site.wait_finished(poison)
    site.wait_finished(*before, *after)
    assert (result["status"], result["detail"]) == ("FAILED", "QUARANTINED")
    words = {"exit": "status 7", "segfault": "SIGSEGV", "kill": "SIGKILL"}[how]
    assert words in result["errors"][-1]["message"]
    assert "2 times" in result["errors"][-1]["message"]
    assert site.note(poison)["crashes"] == 2
    runs = site.journal("crash")
    assert 2 <= len(runs) <= 4  # beside others in threads it may be a suspect first
    attempts = [int(line[2]) for line in runs]
    assert attempts == list(range(1, len(runs) + 1))
    assert {site.result(job_id)["status"] for job_id in (*before, *after)} == {"SUCCESSFUL"}
    if not flags:  # one at a time: only the guilty is charged
        assert len(runs) == 2
        assert {site.attempts(job_id) for job_id in (*before, *after)} == {1}
    assert tree.stop() == 0


def test_errors_and_crashes_are_counted_apart(site: Site) -> None:
    job_id = site.enqueue("crash_then_fail", retries=1, backoff=0.1)
    site.worker("--processes", "1")
    (result,) = site.wait_finished(job_id)
    assert result["status"] == "FAILED"
    assert result["errors"][-1]["path"] == "builtins.ValueError"
    assert result["attempts"] == 3
    note = site.note(job_id)
    assert (note["crashes"], note["failures"]) == (1, 2)


def test_at_most_once_is_not_run_again_after_a_crash(site: Site) -> None:
    job_id = site.enqueue("crash", "kill", delivery="at_most_once")
    site.worker("--processes", "1")
    wait_for(lambda: not site.live() and site.journal("crash"), "the run")
    site.enqueue("quick", "after")
    site.wait_journal("quick", "after")
    assert len(site.journal("crash")) == 1
    assert site.sql("SELECT count(*) FROM convoy_job WHERE id = %s", job_id) == [[0]]


@pytest.mark.slow
def test_of_a_thousand_jobs_only_the_one_that_kills_the_whole_tree_is_quarantined(
    make_site: Callable[..., Site],
) -> None:
    site = make_site(options={"lease": 2})
    noops = site.enqueue_many("count", [[number] for number in range(500)])
    poison = site.enqueue("crash", "tree")
    noops += site.enqueue_many("count", [[number] for number in range(500, 1000)])
    trees = 0
    while site.live():
        tree = site.worker("--processes", "2")
        trees += 1
        wait_for(
            lambda tree=tree: tree.process.poll() is not None or not site.live(),
            "the tree's end, or the work's",
        )
        assert trees < 10
    assert site.result(poison)["detail"] == "QUARANTINED"
    rows = site.sql("SELECT status, count(*) FROM convoy_history GROUP BY 1 ORDER BY 1")
    assert rows == [["QUARANTINED", 1], ["SUCCESSFUL", 1000]]
    for job_id in noops:
        if site.attempts(job_id) > 1:
            assert site.note(job_id)["suspect"], "it paid for what it was never suspected of"
    runs = site.journal("count")
    assert len({line[1] for line in runs}) == 1000
    again = [line for line in runs if line[2] != "1"]
    assert all("lapsed" in line[3] for line in again)


@pytest.mark.parametrize(
    ("task", "given"), [("transfer", [1]), ("slow_once", ["me", 0])], ids=["atomic", "once"]
)
def test_suspects_that_are_settled_otherwise_make_room_for_the_next(
    site: Site, task: str, given: list[object]
) -> None:
    ids = site.enqueue_many(task, [given] * 4)
    site.sql("UPDATE convoy_job SET state = 'suspect', note = %s", '{"suspect": true}')
    site.worker("--processes", "2")
    over = "SELECT count(*) FROM convoy_history WHERE status = 'SUCCESSFUL' AND task LIKE %s"
    # Without what they enqueue themselves; and not one a minute.
    wait_for(lambda: site.sql(over, f"%.{task}") == [[len(ids)]], site.logs, 30)


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("--threads", "2"), ("--async", "2")], ids=" ".join)
def test_suspects_run_one_after_the_other(site: Site, flags: list[str]) -> None:
    ids = site.enqueue_many("slow", [[number, 0.2] for number in range(6)])
    site.sql("UPDATE convoy_job SET state = 'suspect', note = %s", '{"suspect": true}')
    others = site.enqueue_many("quick", [[number] for number in range(20)])
    site.worker("--processes", "2", *flags)
    site.wait_finished(*ids, *others)
    told = [line[0] for line in site.journal() if line[0] in ("start", "end")]
    assert told == ["start", "end"] * len(ids)
