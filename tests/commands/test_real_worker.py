"""A worker that runs is seen, and stops when it is told to."""

import subprocess
import sys
import time

import pytest

from tests.api.tasks import add

WAIT = 60


def until(look):
    deadline = time.monotonic() + WAIT
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return found


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_reports_works_and_stops_when_told(convoy, process_env):
    command = [sys.executable, "-m", "django", "convoy", "worker"]
    worker = subprocess.Popen(
        [*command, "--name", "front", "--processes", "1", "--verbosity", "0"], env=process_env
    )
    try:
        (seen,) = until(lambda: convoy("workers", "--json").data)
        assert (seen["name"], seen["pid"], seen["state"]) == ("front", worker.pid, "running")
        assert not seen["silent"]
        result = add.enqueue(1, b=2)
        assert result.wait(timeout=WAIT).return_value == 3
        told = convoy("workers", "stop", "front", "--wait", "--json").data
        assert told == {"told": [seen["id"]], "silent": []}
        assert worker.wait(WAIT) == 0
        assert convoy("workers", "--json").data == []
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait()
