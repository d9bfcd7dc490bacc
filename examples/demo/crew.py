"""The worker of the demo: started as a user starts it, killed in part, stopped at the end."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from library.models import Reader

from django_convoy.models import FinishedJob, LiveJob

MANAGE = Path(__file__).resolve().parent / "manage.py"
PR_SET_PDEATHSIG = 1
SOON = 0.01


class Trouble(Exception):
    """The demo cannot go on; the message says why."""


@dataclass
class Kill:
    """One worker process that was killed. at: seconds since the epoch."""

    pid: int
    worker: str
    job: str
    at: float
    noticed_after: float = 0.0


def _end_with_parent() -> None:
    """In the worker, before it is executed: end when run.py is killed (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it is gone already
        os.kill(pid, number)


class Crew:
    """`manage.py convoy worker` as a process of its own. log: the file that it writes to."""

    def __init__(self, processes: int, log: Path) -> None:
        self.processes = processes
        self._log = log
        command = [sys.executable, str(MANAGE), "convoy", "worker", "--name", "demo"]
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [*command, "--processes", str(processes)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                process_group=0,  # Ctrl-C is for run.py, which then says TERM
                preexec_fn=_end_with_parent,
            )

    def check(self) -> None:
        """Raise Trouble when the worker has ended."""
        if self._process.poll() is not None:
            log = self._log.read_text(errors="replace")[-2000:]
            raise Trouble(f"the worker ended with status {self._process.returncode}:\n{log}")

    def wait_until_ready(self, seconds: float = 30) -> None:
        """Wait until all worker processes have begun."""
        end = time.monotonic() + seconds
        while Reader.objects.count() < self.processes:
            self.check()
            if time.monotonic() > end:
                raise Trouble(f"the worker did not start within {seconds:g} s")
            time.sleep(0.02)

    def kill_one(self) -> Kill:
        """Kill a worker process in the middle of a job. Raises Trouble."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            self.check()
            kill = self._try_to_kill()
            if kill is not None and self._was_in_the_middle(kill):
                return kill
            time.sleep(SOON)
        raise Trouble("no worker process could be killed in the middle of a job")

    def _try_to_kill(self) -> Kill | None:
        """Stop a process that holds jobs, and kill it if one of them reads RUNNING."""
        held = LiveJob.objects.filter(state="leased").values_list("worker", flat=True)
        reader = Reader.objects.filter(worker__in=list(held)).first()
        if reader is None:
            return None
        _signal(reader.pid, signal.SIGSTOP)
        try:
            end = time.monotonic() + 0.5  # it reads so a tenth of a second after it began
            while time.monotonic() < end:
                running = LiveJob.objects.filter(
                    worker=reader.worker, started_at__isnull=False
                ).first()
                if running is not None:
                    _signal(reader.pid, signal.SIGKILL)
                    return Kill(reader.pid, reader.worker, running.id, time.time())
                time.sleep(SOON)
        finally:
            _signal(reader.pid, signal.SIGCONT)
        return None

    def _was_in_the_middle(self, kill: Kill) -> bool:
        """Wait until the death is noticed; return whether the job runs again, or already did.

        It may have ended just before. Then its outcome was kept, and another kill is needed.
        """
        end = time.monotonic() + 20
        while LiveJob.objects.filter(worker=kill.worker).exists():
            if time.monotonic() > end:
                raise Trouble("nobody noticed that a worker process was killed")
            time.sleep(SOON / 2)
        kill.noticed_after = time.time() - kill.at
        of_job = {"id": kill.job}
        job = LiveJob.objects.filter(**of_job).first() or FinishedJob.objects.get(**of_job)
        return bool(job.note) and "crashes" in json.loads(job.note)

    def stop(self) -> None:
        """End the worker: it finishes what it runs, and leaves nobody behind."""
        for signals, seconds in (((signal.SIGTERM,), 15), ((signal.SIGINT,) * 2, 10)):
            for one in signals:
                if self._process.poll() is None:
                    self._process.send_signal(one)
                    time.sleep(0.05)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
            return
        self._process.kill()
        self._process.wait()
