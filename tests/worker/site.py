"""A throw-away site for one test: its database file, its journal, its worker trees."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 40.0
"""Seconds after which a test gives up waiting; far above what anything takes."""


class Tree:
    """A supervisor and its children, as seen from outside."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.pid = process.pid
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def children(self, kind: str) -> list[int]:
        """The living children of a kind: "worker", "steward"."""
        found = []
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
            for pid in map(int, text.split()):
                with contextlib.suppress(OSError):
                    name = Path(f"/proc/{pid}/comm").read_text().strip()
                    if name == f"convoy-{kind}" and not is_zombie(pid):
                        found.append(pid)
        return found

    def workers(self) -> list[int]:
        return self.children("worker")

    def steward(self) -> int:
        (pid,) = wait_for(lambda: self.children("steward"), "a steward")
        return pid

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = PATIENCE) -> int:
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the tree did not end:\n{self.log}") from None

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """All of it at once, as when a host loses its power."""
        self.signal(signal.SIGSTOP)  # it shall start nobody meanwhile
        for pid in [*self.workers(), *self.children("steward"), self.pid]:
            kill(pid)
        self.wait()


class Site:
    """What a test does with its site."""

    def __init__(self, folder: Path, template: Path | None, chosen: dict[str, Any]) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        if template is not None:
            shutil.copy(template, folder / "site.sqlite3")
        self._journal = folder / "journal"
        self._trees: list[Tree] = []
        self._client: subprocess.Popen[str] | None = None
        self.environ = os.environ | {
            "CONVOY_SITE": str(folder),
            "CONVOY_SITE_CHOSEN": json.dumps(chosen),
            "DJANGO_SETTINGS_MODULE": "tests.worker.project.settings",
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
            "PYTHONDONTWRITEBYTECODE": "1",  # files that tests change within a second
        }

    # Processes

    def worker(self, *flags: str, **environ: str) -> Tree:
        """Start a tree; it may not have begun to work yet."""
        log = self.folder / f"log-{len(self._trees)}"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "django", "convoy", "worker", *flags],
                env=self.environ | environ,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        tree = Tree(process, log)
        self._trees.append(tree)
        return tree

    def burst(self, *flags: str, **environ: str) -> Tree:
        """Run a tree until no work is left."""
        tree = self.worker("--burst", *flags, **environ)
        assert tree.wait(120) == 0, tree.log
        return tree

    def run(self, *arguments: str) -> str:
        """Run a management command to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def close(self) -> None:
        """End everything that was started here, whatever its parents are now."""
        self.forget_client()
        for tree in self._trees:
            tree.process.kill()
            tree.process.wait()
        for pid in self.survivors():
            kill(pid)

    def forget_client(self) -> None:
        """End the process that answers for the site; the next question starts another."""
        if self._client is None:
            return
        assert self._client.stdin is not None
        assert self._client.stdout is not None
        self._client.stdin.close()
        self._client.wait(10)
        self._client.stdout.close()
        self._client = None

    def survivors(self) -> list[int]:
        """Processes of this site, our client aside."""
        mark = f"CONVOY_SITE={self.folder}\0".encode()
        client = self._client.pid if self._client is not None else 0
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if mark in path.read_bytes() and not is_zombie(int(path.parent.name)):
                    found.append(int(path.parent.name))
        return [pid for pid in found if pid != client]

    # The site's own view

    def _ask(self, verb: str, *args: Any) -> Any:
        if self._client is None:
            self._client = subprocess.Popen(
                [sys.executable, "-m", "tests.worker.project.client"],
                env=self.environ,
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._client.stdin is not None
        assert self._client.stdout is not None
        self._client.stdin.write(json.dumps([verb, args]) + "\n")
        self._client.stdin.flush()
        answer = json.loads(self._client.stdout.readline())
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["ok"]

    def enqueue(self, task: str, *args: Any, **options: Any) -> str:
        """Enqueue one job; options are those of `task.using()`."""
        return str(self._ask("enqueue", task, [args], options)[0])

    def enqueue_many(self, task: str, calls: Sequence[Sequence[Any]], **options: Any) -> list[str]:
        ids: list[str] = self._ask("enqueue", task, calls, options)
        return ids

    def enqueue_in_transaction(
        self, task: str, calls: Sequence[Sequence[Any]], *, commit: bool
    ) -> None:
        """Enqueue in `transaction.atomic()`, which is committed or rolled back."""
        self._ask("enqueue_in_transaction", task, calls, commit)

    def schedule(
        self, names: Sequence[str], task: str, rule: dict[str, Any], *args: Any, **options: Any
    ) -> None:
        """Make schedules; "NAME" among the arguments is replaced by each one's name."""
        self._ask("schedule", names, task, rule, args, options)

    def copies(self, name: str, count: int) -> None:
        """Copy a schedule, as if so many had been made."""
        self._ask("copies", name, count)

    def book(self, verb: str, *args: Any) -> None:
        """Pause, resume or remove a schedule."""
        self._ask("book", verb, args)

    def result(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("result", job_id)
        return found

    def sql(self, statement: str, *params: Any) -> list[list[Any]]:
        rows: list[list[Any]] = self._ask("sql", statement, params)
        return rows

    def live(self) -> int:
        """How many jobs are not over."""
        return int(self.sql("SELECT count(*) FROM convoy_job")[0][0])

    def left(self) -> int:
        """How many jobs the broker has, whatever broker it is."""
        return int(self._ask("left"))

    def note(self, job_id: str) -> dict[str, Any]:
        """What is remembered of a job, live or over."""
        rows = self.sql(
            "SELECT note FROM convoy_job WHERE id = %s UNION ALL "
            "SELECT note FROM convoy_history WHERE id = %s",
            job_id,
            job_id,
        )
        return dict(json.loads(rows[0][0] or "{}"))

    def attempts(self, job_id: str) -> int:
        rows = self.sql(
            "SELECT attempt FROM convoy_job WHERE id = %s UNION ALL "
            "SELECT attempt FROM convoy_history WHERE id = %s",
            job_id,
            job_id,
        )
        return int(rows[0][0])

    def wait_finished(self, *job_ids: str, seconds: float = PATIENCE) -> list[dict[str, Any]]:
        """Wait until these jobs are over."""
        over = ("SUCCESSFUL", "FAILED")
        for job_id in job_ids:
            wait_for(
                lambda one=job_id: self.result(one)["status"] in over,
                lambda one=job_id: f"job {one} did not end: {self.result(one)}\n{self.logs()}",
                seconds,
            )
        return [self.result(one) for one in job_ids]

    def wait_empty(self, seconds: float = PATIENCE) -> None:
        """Wait until no live job is left."""
        wait_for(
            lambda: not self.live(),
            lambda: f"left: {self.sql('SELECT * FROM convoy_job LIMIT 5')}\n{self.logs()}",
            seconds,
        )

    def journal(self, *begin: object) -> list[list[str]]:
        """The lines that begin with these words, as words."""
        words = list(map(str, begin))
        if not self._journal.exists():
            return []
        lines = [line.split() for line in self._journal.read_text().splitlines()]
        return [line for line in lines if line[: len(words)] == words]

    def wait_journal(self, *begin: object, count: int = 1) -> list[list[str]]:
        wait_for(
            lambda: len(self.journal(*begin)) >= count,
            lambda: f"no {begin} in\n{self.journal()[-20:]}\n{self.logs()}",
        )
        return self.journal(*begin)

    def logs(self) -> str:
        return "\n".join(tree.log[-6000:] for tree in self._trees)


def wait_for(
    look: Callable[[], Any], what: str | Callable[[], str], seconds: float = PATIENCE
) -> Any:
    """Look until there is something; fail with what was waited for."""
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(what if isinstance(what, str) else what())
        time.sleep(0.02)
    return found


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> bool:
    """Send a signal; return whether there was somebody to hear it."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and not is_zombie(pid)


@contextlib.contextmanager
def opened(folder: Path, template: Path | None, **chosen: Any) -> Iterator[Site]:
    """A site that is gone afterwards."""
    site = Site(folder, template, chosen)
    try:
        yield site
    finally:
        site.close()
