"""One job and fifty idle workers: few of them look, as the server's log of statements tells."""

import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.recipes.server import Server as Recipe
from tests.worker.postgres import Server
from tests.worker.site import Site, Tree, opened, wait_for

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
TREES, PROCESSES, JOBS = 2, 25, 3
QUIET = 0.7
"""Seconds without a statement of workers after which all of them sleep."""
STATEMENT = re.compile(
    r"^\S+ \S+ \S+ \[(\d+)\] convoy LOG:  (?:execute [^:]*|statement): (.*)$", re.MULTILINE
)
LOOK, CLAIM = "WITH RECURSIVE hop", "SET state = 'leased'"


def verbose(recipe: Recipe) -> None:
    """Have the server log each statement, and who sent it."""
    serve = recipe.serve
    more: list[str | Path] = ["-c", "log_statement=all", "-c", "log_line_prefix=%m [%p] %a "]
    recipe.serve = lambda port: [*serve(port), *more]


@dataclass
class Place:
    """A site and the log of its server."""

    site: Site
    log: Path

    def sent(self, since: int) -> list[tuple[str, str]]:
        """What workers looked with since that place in the log: whose statement, and which."""
        with self.log.open("rb") as file:
            file.seek(since)
            statements = STATEMENT.findall(file.read().decode())
        return [one for one in statements if LOOK in one[1] or CLAIM in one[1]]

    def wait_asleep(self) -> int:
        """Wait until no worker looks any more; return where the log ends."""
        end = self.log.stat().st_size
        while True:
            time.sleep(QUIET)
            now = self.log.stat().st_size
            if not self.sent(end):
                return now
            end = now


@pytest.fixture
def place() -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="convoy-herd-"))
    folder.chmod(0o711)  # the server may be another user's
    server = None
    try:
        server = Server(folder, verbose)
        with opened(folder / "site", None, database=server.database()) as site:
            site.run("migrate", "--verbosity", "0")
            yield Place(site, folder / "postgres" / "log")
    finally:
        if server is not None:
            server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


def cpu(trees: list[Tree]) -> float:
    """CPU seconds of all threads of all processes of some trees."""
    pids = [pid for tree in trees for pid in (tree.pid, *tree.workers(), *tree.children("steward"))]
    threads = [one for pid in pids for one in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(one.read_text().split()[0]) for one in threads) / 1e9


def test_one_job_wakes_few_of_fifty_idle_workers(place: Place) -> None:
    site = place.site
    trees = [site.worker("--processes", str(PROCESSES), "--name", str(n)) for n in range(TREES)]
    wait_for(lambda: len({who for who, _ in place.sent(0)}) >= TREES * PROCESSES, site.logs)
    since = place.wait_asleep()
    for number in range(JOBS):
        used = cpu(trees)
        site.enqueue("quick", number)
        site.wait_journal("quick", number)
        now = place.wait_asleep()
        sent = place.sent(since)
        woken, claims = {who for who, _ in sent}, [what for _, what in sent if CLAIM in what]
        print(
            f"\none job, {TREES * PROCESSES} idle workers in {TREES} trees: {len(woken)} woken, "
            f"{len(claims)} claims, {len(claims) - 1} of them empty, "
            f"{(cpu(trees) - used) * 1000:.1f} ms of CPU in all their processes",
            end="",
        )
        assert woken, "the log tells nothing"
        assert len(woken) <= 2 * TREES
        assert len(claims) <= 4 * TREES
        since = now
