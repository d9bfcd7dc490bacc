"""Exactly once: what an atomic job wrote and how it ended agree, whenever it was killed."""

import random
import time
from collections.abc import Callable

import pytest

from tests.worker.site import Site, kill, wait_for

KILLS = 20


def check_agreement(site: Site) -> None:
    """In any one look, the rows of a job are there exactly if it succeeded, and once."""
    began = [int(line[1].removeprefix("follows-")) for line in site.journal("quick")]
    rows = site.sql(
        "SELECT 'row', number FROM testapp_note UNION ALL SELECT 'over', CAST(result AS INTEGER) "
        "FROM convoy_history WHERE status = 'SUCCESSFUL' AND task LIKE '%%transfer'"
    )
    written = sorted(number for kind, number in rows if kind == "row")
    over = sorted(number for kind, number in rows if kind == "over")
    assert written == sorted(over * 2)
    assert set(began) <= set(over), "what it enqueued ran before it was over"


@pytest.mark.slow
def test_rows_and_outcome_agree_when_killed_at_any_instant(make_site: Callable[..., Site]) -> None:
    site = make_site(options={"lease": 4, "task": {"crash_budget": 50}})
    ids = site.enqueue_many("transfer", [[number, 0.1] for number in range(KILLS * 2)])
    tree = site.worker("--processes", "2")
    dice = random.Random(2)
    killed = 0
    while killed < KILLS and site.live():
        begun = len(site.journal("transfer"))
        wait_for(lambda n=begun: len(site.journal("transfer")) > n or not site.live(), "a run")
        time.sleep(dice.uniform(0.0, 0.12))
        if workers := tree.workers():
            killed += kill(dice.choice(workers))
            check_agreement(site)
    site.wait_finished(*ids, seconds=90)
    site.wait_empty()
    assert killed >= KILLS / 2
    assert {site.result(job_id)["status"] for job_id in ids} == {"SUCCESSFUL"}
    check_agreement(site)
    followers = [line[1] for line in site.journal("quick")]
    assert sorted(set(followers)) == sorted(f"follows-{number}" for number in range(len(ids)))
    enqueued = site.sql("SELECT count(*) FROM convoy_history WHERE task LIKE '%%quick'")
    assert enqueued == [[len(ids)]]  # one follower each, however often the body ran


def test_a_failed_body_leaves_nothing_behind(site: Site) -> None:
    job_id = site.enqueue("transfer_and_fail", 1, retries=1, backoff=0.1)
    site.burst("--processes", "1")
    (result,) = site.wait_finished(job_id)
    assert (result["status"], result["attempts"]) == ("FAILED", 2)
    assert len(site.journal("transfer")) == 2
    assert site.sql("SELECT * FROM testapp_note") == []
    assert site.journal("quick") == []


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True])
def test_what_lost_its_lease_rolls_back(
    make_postgres_site: Callable[..., Site], kept: bool
) -> None:
    site = make_postgres_site(options={"lease": 5}, kept=kept)
    tree = site.worker("--processes", "1")
    site.wait_finished(*site.enqueue_many("write_once", [["before"]] * 3))
    site.sql("DELETE FROM testapp_note")
    job_id = site.enqueue("transfer", 7, 2.0, timeout=30)
    site.wait_journal("transfer", 7)
    # As if this host had been cut off, its lease had lapsed and somebody else had come.
    site.sql(
        "UPDATE convoy_job SET state = 'ready', token = '', wake_at = NULL WHERE id = %s", job_id
    )
    site.wait_journal("transfer", 7, 2)
    (result,) = site.wait_finished(job_id)
    assert (result["status"], site.attempts(job_id)) == ("SUCCESSFUL", 2), result["errors"]
    site.wait_journal("quick")
    assert site.sql("SELECT count(*) FROM testapp_note") == [[2]]
    assert len(site.journal("quick")) == 1
    assert "lease was lost" in tree.log


def test_a_timeout_rolls_back(site: Site) -> None:
    job_id = site.enqueue("transfer", 1, 5.0, timeout=0.3)
    site.burst("--processes", "1")
    (result,) = site.wait_finished(job_id)
    assert result["status"] == "FAILED"
    assert "TimeoutExceeded" in result["errors"][0]["path"]
    assert site.sql("SELECT * FROM testapp_note") == []


def test_an_error_after_the_commit_changes_no_outcome(site: Site) -> None:
    job_id = site.enqueue("transfer_then_broken_hook", 1)
    tree = site.burst("--processes", "1")
    (result,) = site.wait_finished(job_id)
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 1)
    assert site.sql("SELECT text FROM testapp_note") == [["kept"]]
    assert "a hook that fails" in tree.log
    assert site.note(job_id)["ended"].startswith("committed, then a hook failed: ")
    assert "a hook that fails" in site.run("convoy", "job", job_id)


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def test_a_hook_that_wants_to_exit_keeps_no_other_from_running(
    request: pytest.FixtureRequest, database: str
) -> None:
    made = {"sqlite": "make_site", "postgres": "make_postgres_site"}
    site: Site = request.getfixturevalue(made[database])()
    wrong = ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "ValueError"]
    tree = site.worker("--processes", "1")
    (pid,) = wait_for(tree.workers, "a worker")
    ids = [site.enqueue("transfer_then_hooks", n, one) for n, one in enumerate(wrong)]
    results = site.wait_finished(*ids)
    assert [(one["status"], one["attempts"]) for one in results] == [("SUCCESSFUL", 1)] * 4
    for number, job_id in enumerate(ids):
        site.wait_journal("quick", f"follows-{number}")
        assert site.journal("body", number) == [["body", str(number), "1"]]
        assert [line[2] for line in site.journal("hook", number)] == ["first", "third"]
        remark = f"committed, then a hook failed: {wrong[number]}: the second hook"
        assert site.note(job_id)["ended"] == remark.replace(": ", ": builtins.", 1)
        assert f"job {job_id}: committed, but then its hook transfer_then_hooks." in tree.log
    assert tree.workers() == [pid]


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.parametrize("level", ["REPEATABLE_READ", "SERIALIZABLE"])
def test_a_lease_renewed_meanwhile_does_not_spoil_a_sites_isolation(
    make_postgres_site: Callable[..., Site], level: str
) -> None:
    site = make_postgres_site(options={"lease": 1}, isolation=level)
    job_id = site.enqueue("transfer", 1, 3.0, timeout=30)
    others = site.enqueue_many("transfer", [[number, 0.0] for number in range(2, 30)])
    site.worker("--processes", "2")
    results = site.wait_finished(job_id, *others)
    assert {(one["status"], one["attempts"]) for one in results} == {("SUCCESSFUL", 1)}
    assert site.sql("SELECT count(*) FROM testapp_note") == [[58]]


@pytest.mark.parametrize("limit", [0.05, None])
def test_a_transaction_that_stays_open_is_warned_about_once(
    make_site: Callable[..., Site], limit: float | None
) -> None:
    site = make_site(options={"lease": 5, "worker": {"long_transaction": limit}})
    plain = site.enqueue("slow", "plain", 0.5)
    long = site.enqueue("transfer", 9, 0.5)
    told = warned(site, plain, long)
    assert len(told) == (0 if limit is None else 1)
    if told:
        assert f"job {long} (tests.worker.project.tasks.transfer)" in told[0]
        assert "holds back vacuum" in told[0]


@pytest.mark.slow
@pytest.mark.postgres
def test_of_many_transactions_the_one_that_stays_open_is_warned_about(
    make_postgres_site: Callable[..., Site],
) -> None:
    site = make_postgres_site(options={"lease": 5, "worker": {"long_transaction": 1}})
    quick = site.enqueue_many("transfer", [[number] for number in range(3)])
    plain = site.enqueue("slow", "plain", 1.5)
    long = site.enqueue("transfer", 9, 1.5, timeout=60)
    (told,) = warned(site, *quick, plain, long)
    assert f"job {long} " in told


def warned(site: Site, *jobs: str) -> list[str]:
    """What one worker that ran these jobs logged of transactions that stayed open."""
    tree = site.worker("--processes", "1")
    site.wait_finished(*jobs)
    assert tree.stop() == 0
    return [line for line in tree.log.splitlines() if "its transaction has been open for" in line]


@pytest.mark.slow
@pytest.mark.postgres
def test_a_transaction_is_warned_about_while_it_is_open(
    make_postgres_site: Callable[..., Site],
) -> None:
    site = make_postgres_site(options={"lease": 5, "worker": {"long_transaction": 1}})
    site.enqueue("transfer", 9, 30, timeout=60)
    tree = site.worker("--processes", "1")
    site.wait_journal("transfer", 9)
    wait_for(lambda: "its transaction has been open for 1" in tree.log, lambda: tree.log, 5)
    kill(*tree.workers())
