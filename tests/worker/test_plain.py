"""What a worker does with a job when nothing goes wrong but the job itself."""

import json
import sqlite3
import time
from collections.abc import Callable

import pytest

from tests.worker.site import Site, wait_for


def test_results_are_kept(site: Site) -> None:
    one = site.enqueue("add", 1, 2)
    many = site.enqueue_many("add", [[number, 1] for number in range(300)])
    site.burst("--processes", "2")
    assert site.result(one)["value"] == 3
    assert [site.result(job_id)["value"] for job_id in many[::50]] == [1, 51, 101, 151, 201, 251]
    rows = site.sql("SELECT status, attempt, count(*) FROM convoy_history GROUP BY 1, 2")
    assert rows == [["SUCCESSFUL", 1, 301]]
    assert site.live() == 0


def test_a_failing_task_says_what_happened(site: Site) -> None:
    job_id = site.enqueue("fail_until", "me", 99)
    site.burst("--processes", "1")
    result = site.result(job_id)
    assert result["status"] == "FAILED"
    (error,) = result["errors"]
    assert error["path"] == "builtins.ValueError"
    assert error["message"] == "attempt 1 of me"
    assert error["attempt"] == 1
    assert 'raise ValueError(f"attempt' in error["traceback"]


def test_retries_wait_longer_each_time_and_remember_why(site: Site) -> None:
    options = {"retries": 3, "backoff": "tests.worker.project.tasks.pause"}
    job_id = site.enqueue("fail_until", "me", 3, **options)
    site.burst("--processes", "1")
    (result,) = site.wait_finished(job_id)
    assert result["status"] == "SUCCESSFUL"
    assert result["attempts"] == 3
    assert result["value"] == "builtins.ValueError: attempt 2 of me"  # context.last_end
    assert [error["attempt"] for error in result["errors"]] == [1, 2]
    tries = [float(line[3]) for line in site.journal("try")]
    assert tries[1] - tries[0] >= 0.19
    assert tries[2] - tries[1] >= 0.99


def test_retries_end(site: Site) -> None:
    job_id = site.enqueue("fail_until", "me", 99, retries=2, backoff=0.1)
    site.burst("--processes", "2")
    (result,) = site.wait_finished(job_id)
    assert result["status"] == "FAILED"
    assert [error["message"] for error in result["errors"]] == [
        "attempt 1 of me",
        "attempt 2 of me",
        "attempt 3 of me",
    ]


@pytest.mark.parametrize("how", ["SystemExit", "KeyboardInterrupt"])
@pytest.mark.parametrize("flags", [(), ("--threads", "2"), ("--async", "2")], ids=" ".join)
def test_leaving_is_a_failure_of_the_task_alone(site: Site, how: str, flags: list[str]) -> None:
    bad = site.enqueue("misbehave", how)
    good = site.enqueue_many("add", [[1, 1]] * 20)
    tree = site.burst("--processes", "1", *flags)
    result = site.result(bad)
    assert result["status"] == "FAILED"
    assert result["errors"][0]["path"] == f"builtins.{how}"
    assert {site.result(job_id)["status"] for job_id in good} == {"SUCCESSFUL"}
    assert "ended with wait status" not in tree.log


@pytest.mark.parametrize(
    "how", ["close", "close underneath", "transaction", "thread", "print", "fork", "stdin"]
)
@pytest.mark.parametrize("flags", [(), ("--threads", "2")], ids=" ".join)
def test_a_task_without_manners_harms_nobody(site: Site, how: str, flags: list[str]) -> None:
    site.enqueue_many("add", [[1, 1]] * 5)
    bad = site.enqueue_many("misbehave", [[how]] * 3)
    site.enqueue_many("add", [[1, 1]] * 5)
    site.burst("--processes", "1", *flags)
    for job_id in bad:
        result = site.result(job_id)
        assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 1), result
        assert result["value"] == ("" if how == "stdin" else how)
    assert len(site.journal("misbehave")) == 3
    rows = site.sql("SELECT status, attempt, count(*) FROM convoy_history GROUP BY 1, 2")
    assert rows == [["SUCCESSFUL", 1, 13]]
    assert site.sql("SELECT count(*) FROM testapp_note") == [[0]]


@pytest.mark.parametrize("flags", [(), ("--threads", "2"), ("--async", "4")], ids=" ".join)
def test_coroutine_tasks_run_in_every_kind_of_slot(site: Site, flags: list[str]) -> None:
    ids = site.enqueue_many("add_async", [[number, 1] for number in range(50)])
    ids += site.enqueue_many("add", [[number, 1] for number in range(50)])
    slow = site.enqueue_many("slow_async", [["a", 0.3], ["b", 0.3]])
    site.burst("--processes", "1", *flags)
    assert [site.result(job_id)["value"] for job_id in ids] == [*range(1, 51), *range(1, 51)]
    assert [site.result(job_id)["value"] for job_id in slow] == ["a", "b"]


def test_what_expired_is_not_run_any_more(site: Site) -> None:
    late = site.enqueue("quick", "late", expires=0.01)
    fresh = site.enqueue("quick", "fresh", expires=3600)
    site.burst("--processes", "1")
    assert site.result(late)["status"] == "FAILED"
    assert site.result(late)["detail"] == "CANCELLED"
    assert "JobExpired" in site.result(late)["errors"][0]["path"]
    assert site.result(fresh)["status"] == "SUCCESSFUL"
    assert site.journal("quick") == [["quick", "fresh"]]


@pytest.mark.parametrize("change", ["payload", "task", "id", "key"])
def test_a_job_with_a_wrong_signature_is_set_aside(site: Site, change: str) -> None:
    job_id = site.enqueue("quick", "forged")
    if change == "payload":
        payload = json.dumps({"args": ["evil"], "kwargs": {}})
        site.sql("UPDATE convoy_job SET payload = %s", payload)
    elif change == "task":
        site.sql("UPDATE convoy_job SET task = 'tests.worker.project.tasks.add'")
    elif change == "id":
        job_id = "0" * 32
        site.sql("UPDATE convoy_job SET id = %s", job_id)
    else:
        site.sql("UPDATE convoy_job SET key_id = '00000000'")
    site.burst("--processes", "1")
    assert site.sql("SELECT id, status FROM convoy_history") == [[job_id, "QUARANTINED"]]
    assert "not run: " in site.note(job_id)["ended"]
    assert "sign" in site.note(job_id)["ended"]
    assert not site.journal()


def test_jobs_of_another_namespace_are_left_alone(site: Site) -> None:
    theirs = site.enqueue("quick", "theirs", backend="elsewhere")
    ours = site.enqueue("quick", "ours")
    site.burst("--processes", "2")
    assert site.result(ours)["status"] == "SUCCESSFUL"
    rows = site.sql("SELECT id, state, attempt FROM convoy_job")
    assert rows == [[theirs, "ready", 0]]
    assert site.journal() == [["quick", "ours"]]


def test_an_unknown_task_waits_for_newer_code(site: Site) -> None:
    module = site.folder / "newer.py"
    source = "from django_convoy import task\n"
    source += "@task(takes_context=True)\ndef hello(context):\n    return context.attempt\n"
    module.write_text(source)
    job_id = site.enqueue("newer.hello")
    module.unlink()
    tree = site.worker("--processes", "1")
    waiting = site.enqueue("quick", "other")
    site.wait_finished(waiting)
    wait_for(lambda: site.result(job_id)["waiting"], "a reason")
    result = site.result(job_id)
    assert result["status"] == "READY"
    assert "newer" in result["waiting"]
    assert site.attempts(job_id) == 0
    tree.stop()
    module.write_text(source)
    site.worker("--processes", "1")
    (result,) = site.wait_finished(job_id)
    assert result["value"] == 1


@pytest.mark.parametrize("flags", [(), ("--threads", "2"), ("--async", "2")], ids=" ".join)
def test_a_task_whose_module_fails_to_load_waits_and_harms_nobody(
    site: Site, flags: list[str]
) -> None:
    module = site.folder / "broken.py"
    module.write_text("from django_convoy import task\n@task\ndef hello():\n    return 1\n")
    job_id = site.enqueue("broken.hello")
    module.write_text("1 / 0\n")
    others = site.enqueue_many("add", [[number, 1] for number in range(20)])
    tree = site.worker("--processes", "1", *flags)
    site.wait_finished(*others)
    wait_for(lambda: site.note(job_id).get("waiting"), "a reason")
    assert "ZeroDivisionError" in site.note(job_id)["waiting"]
    assert site.attempts(job_id) == 0
    assert "ended with" not in tree.log
    assert tree.stop() == 0


def test_an_idle_worker_hears_of_queues_that_were_not_there(site: Site) -> None:
    site.worker("--processes", "2")
    site.wait_finished(site.enqueue("add", 1, 1))
    for name in ("mail", "reports"):
        site.wait_finished(site.enqueue("add", 1, 1, queue_name=name), seconds=10)
    site.wait_finished(site.enqueue("add", 1, 1, queue_name="later", run_after=0.5), seconds=15)


def test_a_worker_of_some_queues_leaves_others_alone(site: Site) -> None:
    high = site.enqueue("quick", "high", queue_name="high")
    low = site.enqueue("quick", "low", queue_name="low")
    other = site.enqueue("quick", "other", queue_name="other")
    site.burst("--processes", "1", "--queues", "low,high")
    assert site.journal() == [["quick", "low"], ["quick", "high"]]
    assert {site.result(job_id)["status"] for job_id in (high, low)} == {"SUCCESSFUL"}
    assert site.result(other)["status"] == "READY"


def test_a_burst_waits_for_what_its_jobs_enqueue(site: Site) -> None:
    site.enqueue("late_enqueue", 30)
    site.burst("--processes", "2")
    assert len(site.journal("late")) == 31
    assert site.live() == 0


def test_a_worker_starts_while_somebody_writes(make_site: Callable[..., Site]) -> None:
    """It cannot switch SQLite to write-ahead logging then, and tries again in a moment."""
    site = make_site(options={"lease": 5})
    job_id = site.enqueue("add", 1, 2)
    writer = sqlite3.connect(site.folder / "site.sqlite3", isolation_level=None)
    assert writer.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    writer.execute("BEGIN IMMEDIATE")
    tree = site.worker("--processes", "1")
    time.sleep(2)
    writer.execute("COMMIT")
    writer.close()
    site.wait_finished(job_id)
    assert "Traceback" not in tree.log
    assert tree.stop() == 0
