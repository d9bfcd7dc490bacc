"""What the supervisor does when it is told something."""

import signal
import time

import pytest

from tests.worker.site import Site, Tree, exists, kill, wait_for

SLOTS = pytest.mark.parametrize("flags", [(), ("--threads", "2"), ("--async", "2")], ids=" ".join)


def pids_of(site: Site, verb: str) -> set[int]:
    return {int(line[3]) for line in site.journal(verb)}


@pytest.mark.slow
@SLOTS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_lets_running_jobs_finish(
    site: Site, flags: list[str], number: signal.Signals
) -> None:
    running = site.enqueue("slow", "running", 2)
    tree = site.worker("--processes", "1", *flags)
    site.wait_journal("start", "running")
    if flags:
        site.enqueue("slow", "beside", 2)
        site.wait_journal("start", "beside")
    waiting = site.enqueue_many("slow", [[f"waiting-{one}", 0.1] for one in range(20)])
    tree.signal(number)
    assert tree.wait() == 0
    assert site.result(running)["status"] == "SUCCESSFUL"
    assert len(site.journal("end")) == len(site.journal("start")) == 1 + bool(flags)
    rows = site.sql("SELECT state, attempt, count(*) FROM convoy_job GROUP BY 1, 2")
    assert rows == [["ready", 0, len(waiting)]]
    assert not site.survivors()


def test_stopping_gives_back_what_was_claimed_and_not_started(site: Site) -> None:
    site.enqueue_many("quick", [[number] for number in range(6000)])
    tree = site.worker("--processes", "2")
    site.wait_journal("quick", count=1000)
    assert tree.stop() == 0
    rows = site.sql("SELECT state, attempt, count(*) FROM convoy_job GROUP BY 1, 2")
    assert [row[:2] for row in rows] in ([["ready", 0]], [])
    left = sum(row[2] for row in rows)
    assert len(site.journal("quick")) == 6000 - left
    assert site.sql("SELECT count(*) FROM convoy_history") == [[6000 - left]]


def test_an_idle_tree_stops_at_once(site: Site) -> None:
    tree = site.worker("--processes", "2")
    tree.steward()
    wait_for(lambda: len(tree.workers()) == 2, "workers")
    site.enqueue("quick", "me")
    site.wait_journal("quick", "me")
    began = time.monotonic()
    assert tree.stop() == 0
    assert time.monotonic() - began < 8


@SLOTS
def test_a_second_interrupt_stops_now_and_nobody_pays(site: Site, flags: list[str]) -> None:
    job_id = site.enqueue("slow", "me", 30)
    tree = site.worker("--processes", "1", *flags)
    site.wait_journal("start", "me")
    tree.signal(signal.SIGINT)
    time.sleep(0.5)
    assert tree.process.poll() is None
    tree.signal(signal.SIGINT)
    began = time.monotonic()
    tree.wait()
    assert time.monotonic() - began < 10
    (row,) = site.sql("SELECT state, attempt FROM convoy_job WHERE id = %s", job_id)
    assert row == ["ready", 1]
    note = site.note(job_id)
    assert not note.get("crashes")
    assert "stop" in note["ended"]
    site.worker("--processes", "1")
    site.wait_journal("start", "me", 2)


def test_a_drain_that_takes_too_long_ends_in_a_kill(site: Site) -> None:
    job_id = site.enqueue("slow", "me", 60)
    tree = site.worker("--processes", "1", "--drain", "1")
    site.wait_journal("start", "me")
    assert tree.stop() == 0
    assert site.sql("SELECT state FROM convoy_job WHERE id = %s", job_id) == [["ready"]]
    assert not site.note(job_id).get("crashes")


@SLOTS
def test_kill_on_stop_ends_the_job_at_once_and_it_runs_again(site: Site, flags: list[str]) -> None:
    job_id = site.enqueue("slow_killed_on_stop", "me", 60)
    tree = site.worker("--processes", "1", *flags)
    site.wait_journal("start", "me")
    began = time.monotonic()
    assert tree.stop() == 0
    assert time.monotonic() - began < 15
    assert site.sql("SELECT state FROM convoy_job WHERE id = %s", job_id) == [["ready"]]
    assert not site.note(job_id).get("crashes")
    assert not site.journal("end")


def version(site: Site, number: int) -> None:
    (site.folder / "changing.py").write_text(
        "import os\nfrom django_convoy import task\n"
        "from tests.worker.project import journal\n"
        f"@task\ndef which():\n    journal.write('version', {number}, os.getpid())\n"
    )


def ask_version(site: Site) -> str:
    before = len(site.journal("version"))
    site.enqueue("changing.which")
    return site.wait_journal("version", count=before + 1)[-1][1]


def replaced(tree: Tree, old: list[int], count: int) -> bool:
    return len(tree.workers()) == count and not set(tree.workers()) & set(old)


@pytest.mark.slow
@SLOTS
def test_hup_replaces_every_process_by_new_code(site: Site, flags: list[str]) -> None:
    version(site, 1)
    tree = site.worker("--processes", "2", *flags)
    assert ask_version(site) == "1"
    long = site.enqueue("slow", "long", 5)
    ((_, _, _, busy),) = site.wait_journal("start", "long")
    old, steward = tree.workers(), tree.steward()
    version(site, 2)
    tree.signal(signal.SIGHUP)
    wait_for(lambda: not set(tree.children("steward")) & {steward}, "a new steward")
    wait_for(lambda: len(set(tree.workers()) - set(old)) == 2, "new workers")
    assert ask_version(site) == "2"
    (result,) = site.wait_finished(long)
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 1)
    assert len(site.journal("start", "long")) == 1
    wait_for(lambda: not exists(int(busy)), "the old worker to leave")
    wait_for(lambda: replaced(tree, old, 2), "only new workers")
    assert tree.process.poll() is None  # the same process, by its pid
    assert {ask_version(site) for _ in range(5)} == {"2"}
    assert tree.stop() == 0
    assert not site.survivors()


@pytest.mark.slow
def test_hup_replaces_children_that_were_started_by_exec(site: Site) -> None:
    version(site, 1)
    tree = site.worker("--processes", "1", CONVOY_START="exec")
    assert ask_version(site) == "1"
    old = tree.workers()
    version(site, 2)
    tree.signal(signal.SIGHUP)
    wait_for(lambda: replaced(tree, old, 1), "a new worker")
    assert ask_version(site) == "2"
    assert tree.stop() == 0


def test_hup_ends_a_job_that_asked_for_it_and_runs_it_on_new_code(site: Site) -> None:
    job_id = site.enqueue("slow_killed_on_stop", "me", 60)
    tree = site.worker("--processes", "1")
    site.wait_journal("start", "me", 1)
    tree.signal(signal.SIGHUP)
    (result,) = site.wait_finished(job_id)
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 2)
    assert [line[2] for line in site.journal("end")] == ["2"]
    assert not site.note(job_id).get("crashes")
    assert tree.stop() == 0


@pytest.mark.slow
def test_a_child_that_is_told_to_leave_at_once_does_not_stop_the_tree(site: Site) -> None:
    tree = site.worker("--processes", "1")
    wait_for(lambda: len(tree.workers()) == 1, "one worker")
    for number in range(1, 16):
        tree.signal(signal.SIGTTIN)
        wait_for(lambda n=number: tree.log.count("worker more") == n, "one worker more")
        tree.signal(signal.SIGTTOU)
        wait_for(lambda n=number: tree.log.count("worker less") == n, "one worker less")
    site.wait_finished(site.enqueue("add", 1, 1))
    wait_for(lambda: len(tree.workers()) == 1, lambda: str(tree.workers()))
    assert tree.process.poll() is None
    assert "stopping" not in tree.log
    assert tree.stop() == 0


@pytest.mark.slow
def test_hup_while_jobs_rush_through_loses_none(site: Site) -> None:
    site.enqueue_many("count", [[number] for number in range(4000)])
    tree = site.worker("--processes", "2")
    for begun in (200, 1000, 2000):
        site.wait_journal("count", count=begun)
        tree.signal(signal.SIGHUP)
    site.wait_empty()
    assert tree.stop() == 0
    runs = [line[1] for line in site.journal("count")]
    assert len(runs) == len(set(runs)) == 4000
    rows = site.sql("SELECT status, attempt, count(*) FROM convoy_history GROUP BY 1, 2")
    assert rows == [["SUCCESSFUL", 1, 4000]]


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "exec"])
def test_hup_with_broken_code_changes_nothing_and_can_be_tried_again(
    site: Site, start: str
) -> None:
    version(site, 1)
    tree = site.worker("--processes", "1", CONVOY_START=start, CONVOY_SITE_IMPORT="changing")
    assert ask_version(site) == "1"
    workers, steward = tree.workers(), tree.steward()
    (site.folder / "changing.py").write_text("def which(:\n")
    tree.signal(signal.SIGHUP)
    wait_for(lambda: "the new code does not start" in tree.log, lambda: tree.log)
    wait_for(lambda: "SyntaxError: invalid syntax" in tree.log, lambda: tree.log)
    assert ask_version(site) == "1"
    assert (tree.workers(), tree.steward()) == (workers, steward)
    version(site, 2)
    tree.signal(signal.SIGHUP)
    wait_for(lambda: replaced(tree, workers, 1), "a new worker")
    assert ask_version(site) == "2"
    assert tree.log.count("the new code does not start") == 1
    assert tree.stop() == 0
    assert not site.survivors()


@pytest.mark.slow
def test_code_that_never_loads_holds_up_nothing(site: Site) -> None:
    version(site, 1)
    tree = site.worker("--processes", "1", CONVOY_SITE_IMPORT="changing")
    assert ask_version(site) == "1"
    workers = tree.workers()
    (site.folder / "changing.py").write_text("import time\ntime.sleep(600)\n")
    tree.signal(signal.SIGHUP)
    wait_for(lambda: len(site.survivors()) == 4, "a rehearsal")
    assert ask_version(site) == "1"
    kill(*workers)
    wait_for(lambda: replaced(tree, workers, 1), "a replacement")
    assert ask_version(site) == "1"
    workers = tree.workers()
    version(site, 2)
    tree.signal(signal.SIGHUP)  # the one that hangs makes room
    wait_for(lambda: replaced(tree, workers, 1), "a new worker")
    assert ask_version(site) == "2"
    (site.folder / "changing.py").write_text("import time\ntime.sleep(600)\n")
    tree.signal(signal.SIGHUP)
    wait_for(lambda: len(site.survivors()) == 4, "another rehearsal")
    assert tree.stop() == 0
    wait_for(lambda: not site.survivors(), "its end")


@pytest.mark.slow
def test_a_supervisor_that_dies_of_new_code_costs_no_job(site: Site) -> None:
    """It was tried and still does not start: what ran is not run twice, what waits is not lost."""
    tree = site.worker("--processes", "1")
    job_id = site.enqueue("slow", "me", 3)
    site.wait_journal("start", "me")
    (site.folder / "sitecustomize.py").write_text(
        "import os\nif 'CONVOY_HANDOVER' in os.environ:\n    os._exit(5)\n"
    )
    tree.signal(signal.SIGHUP)
    assert tree.wait() == 5
    wait_for(lambda: site.result(job_id)["status"] == "SUCCESSFUL", "the job's end")
    assert len(site.journal("start")) == 1
    wait_for(lambda: not site.survivors(), "the children to leave")


def test_ttin_and_ttou_add_and_remove_a_worker(site: Site) -> None:
    tree = site.worker("--processes", "1")
    wait_for(lambda: len(tree.workers()) == 1, "one worker")
    tree.signal(signal.SIGTTIN)
    wait_for(lambda: len(tree.workers()) == 2, "two workers")
    tree.signal(signal.SIGTTIN)
    wait_for(lambda: len(tree.workers()) == 3, "three workers")
    kill(tree.workers()[0])
    time.sleep(0.3)
    wait_for(lambda: len(tree.workers()) == 3, "still three workers")
    site.enqueue_many("slow", [[name, 2] for name in "abc"])
    site.wait_journal("start", count=3)
    assert len(pids_of(site, "start")) == 3
    tree.signal(signal.SIGTTOU)
    wait_for(lambda: len(tree.workers()) == 2, "two workers")
    tree.signal(signal.SIGTTOU)
    wait_for(lambda: len(tree.workers()) == 1, "one worker")
    tree.signal(signal.SIGTTOU)
    site.wait_empty()
    assert len(tree.workers()) == 1  # never the last one
    assert len(site.journal("start")) == len(site.journal("end")) == 3
    assert tree.stop() == 0


def test_a_signal_to_every_process_of_the_terminal_is_one_signal(site: Site) -> None:
    """Ctrl-C reaches the whole group; the workers leave it to their supervisor."""
    tree = site.worker("--processes", "1")
    job_id = site.enqueue("slow", "me", 2)
    site.wait_journal("start", "me")
    for pid in (*tree.workers(), tree.steward(), tree.pid):
        kill(pid, signal.SIGINT)
    assert tree.wait() == 0
    assert site.result(job_id)["status"] == "SUCCESSFUL"
