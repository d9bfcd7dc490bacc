"""Processes that hold jobs, alive and killed."""

import subprocess
import sys
import time
from datetime import timedelta

import pytest
import time_machine

from django_convoy.domain import clock
from tests.databases import on_each_database, on_sqlite

LEASE = 0.3


@pytest.fixture
def holder(alias, process_env):
    """Starts a process that claims a job; returns it once it has."""
    started = []

    def start(lease: float = LEASE) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.races.holder", alias, str(lease)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command, env=process_env, **pipes)
        started.append(process)
        assert process.stdout.readline().strip(), "it claimed nothing"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@on_each_database
def test_a_killed_holders_job_runs_again_and_says_why(alias, worker, holder):
    (job_id,) = worker().put()
    process = holder()
    process.kill()
    process.wait()
    (lease,) = worker().take(wait=600)  # on SQLite it sits where the killed one sat
    assert (lease.id, lease.attempt, lease.note.suspect) == (job_id, 2, True)


@on_sqlite
def test_a_living_holder_keeps_its_lapsed_lease(alias, worker, holder):
    worker().put()
    process = holder()
    time.sleep(LEASE * 2)
    assert worker().take(lease=LEASE) == []
    process.kill()
    process.wait()
    assert len(worker().take(wait=600)) == 1


@on_sqlite
def test_a_living_holder_keeps_its_lease_whatever_the_clock_says(alias, worker, holder):
    worker().put()
    holder(lease=60)
    with time_machine.travel(clock.now() + timedelta(days=400)):
        assert worker().take() == []


@on_sqlite
def test_many_holders_sit_apart(alias, worker, holder):
    pushed = worker().put(3)
    processes = [holder() for _ in pushed]
    for process in processes[:2]:
        process.kill()
        process.wait()
    taker = worker()
    free = [taker.take(lease=LEASE, wait=600)[0].id for _ in range(2)]
    assert sorted(free) == pushed[:2]
    assert taker.take() == []


@on_sqlite
def test_a_push_of_another_process_wakes_who_waits(alias, worker, process_env):
    code = (
        "import django; django.setup(); from tests.races.conftest import made_for; "
        "made_for('default').put()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env=process_env)
    assert len(worker().take(wait=600)) == 1
    assert process.wait() == 0
