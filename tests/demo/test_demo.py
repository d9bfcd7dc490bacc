"""The demo works from any folder, adds up, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
RUN = ROOT / "examples" / "demo" / "run.py"
LONGEST = 150


@pytest.fixture
def start(tmp_path):
    """Start the demo in an empty folder, with a folder for temporary files of its own."""
    temporary, elsewhere = tmp_path / "temporary", tmp_path / "elsewhere"
    temporary.mkdir()
    elsewhere.mkdir()
    env = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}

    def start(*arguments):
        return subprocess.Popen(
            [sys.executable, RUN, *arguments],
            cwd=elsewhere,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    start.folder = temporary
    yield start
    assert list(temporary.iterdir()) == []
    assert processes_of(temporary) == []


def processes_of(folder):
    """Return the command lines of all processes whose demo keeps its data in the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"CONVOY_DEMO_DIR={folder}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes())
        except OSError:
            continue  # it is gone, or somebody else's
    return found


def number(pattern, output):
    """Return the number in the output that the pattern's group holds."""
    found = re.search(pattern, output)
    assert found, f"{pattern} is not in\n{output}"
    return int(found[1].replace(",", ""))


@pytest.mark.slow
def test_the_demo_adds_up(start):
    process = start()
    output, _ = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, output
    assert "WRONG" not in output
    jobs = number(r"jobs +([\d,]+) in", output)
    assert jobs > 300
    assert number(r"([\d,]+) jobs enqueued", output) == jobs
    assert number(r"Every one of the ([\d,]+) modules is accounted for", output) == jobs
    assert number(r"retries +(\d+) modules", output) > 0
    assert number(r"failures +(\d+), kept: SyntaxError", output) > 0
    assert re.search(r"Worker process \d+ killed \(SIGKILL\) .* back in the queue", output)
    assert re.search(r"recovery +the kill hit \S+: noticed after .* read again after", output)
    assert re.search(r"most imported +\w+, by [\d,]+ modules", output)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_can_be_stopped_at_any_time(start, number):
    process = start("--processes", "1")
    for line in process.stdout:
        if "jobs enqueued" in line:
            break
    assert processes_of(start.folder)
    time.sleep(0.5)
    process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert output.endswith("Stopped.\n")


def test_the_demo_says_which_arguments_cannot_be(start):
    process = start("--processes", "0")
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "--processes must be 1 or more" in output
