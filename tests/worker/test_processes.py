"""How many processes there are, how they begin and when they are replaced."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from django_convoy.worker.child import FINISHED, SUCCESSOR
from tests.worker.site import Site, exists, kill, wait_for

SLOTS = pytest.mark.parametrize("flags", [(), ("--threads", "2"), ("--async", "2")], ids=" ".join)


@pytest.mark.parametrize("flag", ["--processes", "--threads", "--async"])
def test_more_than_a_worker_can_hold_is_refused(site: Site, flag: str) -> None:
    tree = site.worker(flag, "1000")
    assert tree.wait() == 1
    assert f"{flag} 1000: at most" in tree.log


@SLOTS
def test_a_process_is_replaced_after_so_many_jobs(site: Site, flags: list[str]) -> None:
    site.enqueue_many("whoami", [[number] for number in range(20)])
    tree = site.worker("--processes", "1", "--max-jobs", "4", *flags)
    site.wait_empty()
    runs: dict[str, int] = {}
    for _, pid, _ in site.journal("whoami"):
        runs[pid] = runs.get(pid, 0) + 1
    assert sum(runs.values()) == 20
    assert max(runs.values()) <= 4
    assert len(runs) >= 5
    wait_for(lambda: len(tree.workers()) == 1, "a worker")
    assert tree.stop() == 0


def test_a_burst_goes_on_after_so_many_jobs(site: Site) -> None:
    site.enqueue_many("whoami", [[number] for number in range(10)])
    site.burst("--processes", "1", "--max-jobs", "4")
    assert len(site.journal("whoami")) == 10


@pytest.mark.parametrize("status", [0, SUCCESSOR, FINISHED])
def test_a_burst_goes_on_after_a_task_that_ends_its_process(site: Site, status: int) -> None:
    """Whatever the task exits with: only a worker that found no work is not replaced."""
    site.enqueue("exit_at_first", status, priority=1)
    site.enqueue_many("whoami", [[number] for number in range(20)])
    tree = site.burst("--processes", "1")
    assert [line[2] for line in site.journal("exit")] == ["1", "2"]
    assert len(site.journal("whoami")) == 20
    assert not site.live()
    assert f"exited with status {status}, with 1 job\n" in tree.log


@pytest.mark.slow
def test_a_process_is_replaced_above_so_much_memory(site: Site) -> None:
    site.enqueue_many("grow", [[60] for _ in range(12)])
    tree = site.worker("--processes", "1", "--max-rss", "200M")
    site.wait_empty()
    pids = [line[1] for line in site.journal("grow")]
    assert len(pids) == 12
    assert len(set(pids)) >= 4  # replacements are watched as well
    assert max(pids.count(pid) for pid in pids) <= 4
    assert tree.stop() == 0


def test_children_may_be_started_by_exec(site: Site) -> None:
    ids = site.enqueue_many("add", [[number, 1] for number in range(100)])
    job_id = site.enqueue("slow", "me", 2)
    tree = site.worker("--processes", "2", CONVOY_START="exec")
    ((_, _, _, pid),) = site.wait_journal("start", "me")
    site.wait_finished(*ids)
    kill(int(pid))
    (result,) = site.wait_finished(job_id)
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 2)
    command = os.fsencode("django_convoy.worker.newborn")
    for worker in tree.workers():
        assert command in Path(f"/proc/{worker}/cmdline").read_bytes()
    assert tree.stop() == 0


def test_a_thread_in_the_supervisor_means_exec_and_is_named(site: Site) -> None:
    package = site.folder / "threaded"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "apps.py").write_text(
        "import threading, time\nfrom django.apps import AppConfig\n"
        "class Threaded(AppConfig):\n    name = 'threaded'\n    def ready(self):\n"
        "        threading.Thread(\n            target=time.sleep, args=(3600,),"
        " name='metrics-sender', daemon=True\n        ).start()\n"
    )
    job_id = site.enqueue("add", 1, 2)
    tree = site.worker("--processes", "1", CONVOY_SITE_APP="threaded.apps.Threaded")
    (result,) = site.wait_finished(job_id)
    assert result["value"] == 3
    assert "metrics-sender" in tree.log
    assert "exec" in tree.log
    assert tree.stop() == 0


def test_what_a_task_started_ends_with_its_worker(site: Site) -> None:
    site.enqueue("with_children", 60)
    tree = site.worker("--processes", "1")
    ((_, child),) = site.wait_journal("child")
    kill(*tree.workers())
    wait_for(lambda: not exists(int(child)), "the child's end")


def test_what_a_task_started_in_a_session_of_its_own_lives_on(site: Site) -> None:
    """It has left the worker's group. Nothing tells it from the daemon of a neighbour."""
    site.enqueue("with_children", 60, True)
    tree = site.worker("--processes", "1")
    ((_, child),) = site.wait_journal("child")
    (worker,) = tree.workers()
    kill(worker)
    wait_for(lambda: not exists(worker), "the worker's end")
    time.sleep(0.5)
    try:
        assert exists(int(child))
    finally:
        for _, pid in site.journal("child"):
            kill(int(pid))


@pytest.mark.slow
@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_what_a_task_started_may_live_on(make_site: Callable[..., Site], end: str) -> None:
    site = make_site(options={"lease": 5, "worker": {"daemonize_workers": False, "drain": 1}})
    site.enqueue("with_children", 60)
    tree = site.worker("--processes", "1")
    ((_, child),) = site.wait_journal("child")
    if end == "killed":
        kill(*tree.workers())
        site.wait_journal("child", count=2)
    assert tree.stop() == 0
    try:
        assert exists(int(child))
    finally:
        for _, pid in site.journal("child"):
            kill(int(pid))


@pytest.mark.slow
def test_reload_starts_again_when_a_file_changes(site: Site) -> None:
    module = site.folder / "changing.py"
    source = (
        "from django_convoy import task\nfrom tests.worker.project import journal\n"
        "@task\ndef which():\n    journal.write('version', 'NUMBER')\n"
    )
    module.write_text(source.replace("NUMBER", "1"))
    tree = site.worker("--processes", "1", "--reload", CONVOY_SITE_IMPORT="changing")
    site.enqueue("changing.which")
    site.wait_journal("version", "1")
    long = site.enqueue("slow", "long", 4)
    site.wait_journal("start", "long")
    old = tree.workers()
    module.write_text(source.replace("NUMBER", "2"))
    wait_for(lambda: set(tree.workers()) - set(old), "a new worker")
    site.enqueue("changing.which")
    site.wait_journal("version", "2")
    (result,) = site.wait_finished(long)
    assert result["attempts"] == 1
    assert len(site.journal("start", "long")) == 1
    wait_for(lambda: len(tree.children("reloader")) == 1, "a new reloader")
    assert tree.stop() == 0
    assert not site.survivors()


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "exec"])
def test_reload_outlives_a_file_that_does_not_load(site: Site, start: str) -> None:
    module, part = site.folder / "changing.py", site.folder / "part.py"
    source = (
        "from django_convoy import task\nfrom tests.worker.project import journal\n"
        "@task\ndef which():\n    journal.write('version', 'NUMBER')\n"
    )
    module.write_text(source.replace("NUMBER", "1"))
    flags = ["--processes", "1", "--reload"]
    tree = site.worker(*flags, CONVOY_START=start, CONVOY_SITE_IMPORT="changing")
    site.enqueue("changing.which")
    site.wait_journal("version", "1")
    wait_for(lambda: tree.children("reloader"), "a reloader")
    old = tree.workers()
    time.sleep(1.5)
    part.write_text("def oops(:\n")  # which the old code does not load
    module.write_text("import part\n" + source.replace("NUMBER", "2"))
    wait_for(lambda: "SyntaxError: invalid syntax" in tree.log, lambda: tree.log)
    time.sleep(2.5)
    assert tree.workers() == old
    assert tree.log.count("the new code does not start") == 1
    site.enqueue("quick", "meanwhile")
    site.wait_journal("quick", "meanwhile")
    part.write_text("")
    wait_for(lambda: set(tree.workers()) - set(old), lambda: tree.log)
    site.enqueue("changing.which")
    site.wait_journal("version", "2")
    assert tree.stop() == 0
    assert not site.survivors()


@pytest.mark.slow
def test_a_worker_that_cannot_start_is_not_started_in_a_circle(site: Site) -> None:
    tree = site.worker("--processes", "1", CONVOY_START="exec", CONVOY_SITE_BREAK_CHILDREN="1")
    wait_for(lambda: "this child cannot start" in tree.log, lambda: tree.log)
    time.sleep(4)
    assert tree.process.poll() is None
    assert tree.log.count("this child cannot start") <= 20
    assert tree.stop() == 0


def test_an_idle_tree_sleeps(site: Site) -> None:
    tree = site.worker("--processes", "2", "--threads", "2")
    site.enqueue("quick", "me")
    site.wait_journal("quick", "me")
    site.wait_empty()
    time.sleep(1)
    pids = [*tree.workers(), tree.steward(), tree.pid]
    before = sum(map(cpu_seconds, pids))
    time.sleep(4)
    used = sum(map(cpu_seconds, pids)) - before
    assert used < 4 * 0.05, f"{used:.2f} s of CPU in 4 s of idling"
    woken = time.monotonic()
    site.enqueue("quick", "again")
    site.wait_journal("quick", "again")
    assert time.monotonic() - woken < 5
    assert tree.stop() == 0


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_the_processes_can_be_told_apart(site: Site) -> None:
    tree = site.worker("--processes", "2")
    wait_for(lambda: len(tree.workers()) == 2, "two workers")
    tree.steward()
    shown = subprocess.run(
        ["ps", "-o", "comm=", "--ppid", str(tree.pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    assert sorted(shown) == ["convoy-steward", "convoy-worker", "convoy-worker"]


def test_model_instances_are_loaded_beside_an_event_loop(make_site: Callable[..., Site]) -> None:
    site = make_site()
    site.enqueue("make_numbers", 3)
    site.burst("--processes", "1", "--async", "2")
    assert len(site.journal("read")) == 3
