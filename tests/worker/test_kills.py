"""SIGKILL at any moment: nothing is lost, nothing is settled twice, every second run says why."""

import collections
import random
import signal
import time
from collections.abc import Callable

import pytest

from tests.worker.site import Site, exists, kill, wait_for

JOBS = 20_000
KILLS = 50


def runs_by_job(site: Site) -> dict[int, list[list[str]]]:
    """What the journal says of each job: [attempt, how the run before ended]."""
    runs: dict[int, list[list[str]]] = collections.defaultdict(list)
    for _, number, attempt, ended in site.journal("count"):
        runs[int(number)].append([attempt, ended])
    return runs


def check_every_run(site: Site, jobs: int) -> None:
    """Each job ran to its end; where it began more than once, the later runs say why."""
    assert site.live() == 0
    over = site.sql("SELECT count(*), count(DISTINCT id) FROM convoy_history")
    assert over == [[jobs, jobs]]
    runs = runs_by_job(site)
    assert len(runs) == jobs
    for number, begun in runs.items():
        attempts = [int(attempt) for attempt, _ in begun]
        assert len(set(attempts)) == len(attempts), f"job {number}: an attempt ran twice: {begun}"
        for attempt, ended in begun:
            assert (ended == "-") == (attempt == "1"), f"job {number}: {begun}"
    failed = site.sql("SELECT status, note FROM convoy_history WHERE status <> 'SUCCESSFUL'")
    for status, note in failed:  # only what was running at several kills in a row
        assert status == "QUARANTINED"
        assert '"crashes": ' in note


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("--threads", "3"), ("--async", "3")], ids=" ".join)
def test_nothing_is_lost_when_workers_are_killed_at_random(
    make_site: Callable[..., Site], flags: list[str]
) -> None:
    jobs, kills = (JOBS, KILLS) if not flags else (JOBS // 4, KILLS // 2)
    site = make_site(options={"lease": 5, "task": {"crash_budget": 50}})
    calls = [[number, 0.002 if number % 40 == 0 else 0.0] for number in range(jobs)]
    site.enqueue_many("count", calls)
    tree = site.worker("--processes", "2", *flags)
    site.wait_journal("count")
    dice = random.Random(1)
    killed = 0
    while killed < kills:
        left = jobs - killed * jobs // (kills + 1)
        wait_for(lambda left=left: site.live() <= left, f"no more than {left} jobs left")
        time.sleep(dice.uniform(0.0, 0.1))
        workers = wait_for(tree.workers, "a worker")
        killed += kill(dice.choice(workers))
    site.wait_empty(120)
    assert tree.stop() == 0
    check_every_run(site, jobs)


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("--threads", "2"), ("--async", "2")], ids=" ".join)
def test_a_killed_worker_is_replaced_and_its_job_runs_again(site: Site, flags: list[str]) -> None:
    job_id = site.enqueue("slow", "me", 1.5)
    tree = site.worker("--processes", "1", *flags)
    ((_, _, _, pid),) = site.wait_journal("start", "me")
    (worker,) = tree.workers()
    assert worker == int(pid)
    kill(worker)
    began = time.monotonic()
    wait_for(lambda: [one for one in tree.workers() if one != worker], "a replacement")
    site.wait_journal("start", "me", 2)
    assert time.monotonic() - began < 1
    (result,) = site.wait_finished(job_id)
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 2)
    assert [line[2] for line in site.journal("start")] == ["1", "2"]
    assert "SIGKILL" in site.note(job_id)["ended"]
    assert site.note(job_id)["crashes"] == 1


@pytest.mark.slow
def test_only_those_that_ran_are_redelivered_at_a_cost(site: Site) -> None:
    site.enqueue_many("quick", [[f"warm-{number}"] for number in range(300)])
    tree = site.worker("--processes", "1")
    site.wait_empty()
    slow = site.enqueue("slow", "me", 3)
    behind = site.enqueue_many("quick", [[f"behind-{number}"] for number in range(50)])
    site.wait_journal("start", "me")
    kill(*tree.workers())
    site.wait_finished(*behind, slow)
    assert {site.attempts(job_id) for job_id in behind} == {1}
    assert len(site.journal("quick")) == 350
    assert site.attempts(slow) == 2


@pytest.mark.slow
def test_a_killed_steward_is_replaced_and_leases_hold(make_site: Callable[..., Site]) -> None:
    site = make_site(options={"lease": 3})
    site.enqueue("slow", "long", 7)
    tree = site.worker("--processes", "2")
    site.wait_journal("start", "long")
    end = time.monotonic() + 6
    while time.monotonic() < end:
        kill(tree.steward())
        time.sleep(1.2)
    site.wait_journal("end", "long")
    site.wait_empty()
    assert len(site.journal("start", "long")) == 1
    assert tree.stop() == 0


def test_workers_leave_when_their_supervisor_is_killed(site: Site) -> None:
    running = site.enqueue_many("slow", [["a", 2], ["b", 2]])
    waiting = site.enqueue_many("slow", [["c", 0.1], ["d", 0.1], ["e", 0.1]])
    tree = site.worker("--processes", "2")
    site.wait_journal("start", count=2)
    kill(tree.pid)
    site.wait_finished(*running)  # what ran is finished, and settled
    wait_for(lambda: not site.survivors(), "the children to leave")
    assert [site.result(job_id)["attempts"] for job_id in running] == [1, 1]
    assert [site.result(job_id)["status"] for job_id in waiting] == ["READY"] * 3
    assert [site.attempts(job_id) for job_id in waiting] == [0, 0, 0]
    site.burst("--processes", "2")
    assert len(site.journal("end")) == len(site.journal("start")) == 5


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("--threads", "3"), ("--async", "3")], ids=" ".join)
def test_a_new_tree_recovers_what_a_killed_host_held_within_a_lease(
    make_site: Callable[..., Site], flags: list[str]
) -> None:
    site = make_site(options={"lease": 3})
    calls = [[number, 0.2] for number in range(12)]
    site.enqueue_many("count", calls)
    tree = site.worker("--processes", "2", *flags)
    site.wait_journal("count", count=3)
    tree.kill()
    (held,) = site.sql("SELECT count(*) FROM convoy_job WHERE state = 'leased'")
    assert held[0] >= 2
    again = site.worker("--processes", "2", *flags)
    site.wait_empty(20)
    assert again.stop() == 0
    check_every_run(site, 12)
    assert not site.sql("SELECT id FROM convoy_history WHERE status <> 'SUCCESSFUL'")
    twice = site.sql("SELECT note FROM convoy_history WHERE attempt > 1")
    assert twice
    assert all("its lease lapsed" in note for (note,) in twice)


@pytest.mark.slow
def test_a_worker_that_stands_still_keeps_its_job(make_site: Callable[..., Site]) -> None:
    site = make_site(options={"lease": 2})
    job_id = site.enqueue("slow", "me", 1)
    others = site.enqueue_many("quick", [[number] for number in range(50)])
    tree = site.worker("--processes", "2")
    ((_, _, _, pid),) = site.wait_journal("start", "me")
    kill(int(pid), signal.SIGSTOP)
    site.wait_finished(*others)
    time.sleep(5)  # more than two leases
    assert len(site.journal("start", "me")) == 1
    assert exists(int(pid))
    kill(int(pid), signal.SIGCONT)
    (result,) = site.wait_finished(job_id)
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 1)
    assert tree.stop() == 0


def test_a_worker_killed_while_it_stands_still_is_replaced(site: Site) -> None:
    job_id = site.enqueue("slow", "me", 1)
    tree = site.worker("--processes", "1")
    ((_, _, _, pid),) = site.wait_journal("start", "me")
    kill(int(pid), signal.SIGSTOP)
    kill(int(pid))
    (result,) = site.wait_finished(job_id)
    assert result["attempts"] == 2
    assert tree.stop() == 0
