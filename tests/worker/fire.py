"""What every broker on a server of its own has to stand: kills, restarts, a frozen server.

Inherit, and say in `server()` and `broker()` which. Results are kept in the site's SQLite file.
"""

import collections
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.worker.servers import Server
from tests.worker.site import Site, Tree, kill, wait_for


class UnderFire:
    """kill_jobs, kill_seconds: how many jobs, and the pause between two kills. spared: so many are
    left when the killing ends, where a worker may need longer to begin than it then would have.
    frozen_seconds: how long a server does not answer. lease: of the worker, in seconds.
    counts_each_run: two runs never have the same attempt; not where a death can leave a job twice.
    """

    kill_jobs = 20_000
    kill_seconds = 0.5
    spared = 0
    restart_jobs = 5_000
    frozen_seconds = 10.0
    lease = 5
    counts_each_run = True

    def server(self, folder: Path) -> Server:
        """Return a server of this test's own that keeps what it acknowledged."""
        raise NotImplementedError

    def broker(self, url: str) -> dict[str, Any]:
        """Return OPTIONS["broker"] for the server at a URL."""
        raise NotImplementedError

    @pytest.fixture
    def own(self, tmp_path: Path) -> Iterator[Server]:
        server = self.server(tmp_path)
        yield server
        server.stop(signal.SIGKILL)

    @pytest.fixture
    def place(self, own: Server, make_site: Callable[..., Site]) -> Site:
        return make_site(
            options={
                "broker": self.broker(own.url),
                "lease": self.lease,
                "task": {"crash_budget": 50},
            }
        )

    @pytest.mark.slow
    def test_killed_workers_lose_nothing(self, place: Site) -> None:
        """A worker is killed every half second; only what a kill hit runs twice, and says so."""
        self.enqueue(place, self.kill_jobs)
        tree = place.worker("--processes", "2")
        place.wait_journal("count")
        dice, killed = random.Random(1), 0
        while place.left() > self.spared:
            time.sleep(self.kill_seconds)
            if workers := tree.workers():
                killed += kill(dice.choice(workers))
        self.check(place, tree, self.kill_jobs)
        assert killed

    @pytest.mark.slow
    def test_a_restarted_server_loses_nothing(self, place: Site, own: Server) -> None:
        """It is stopped and started during the load, once politely and once by SIGKILL."""
        self.enqueue(place, self.restart_jobs)
        tree = place.worker("--processes", "2")
        for number, count in ((signal.SIGTERM, 100), (signal.SIGKILL, self.restart_jobs // 2)):
            place.wait_journal("count", count=count)
            own.stop(number)
            time.sleep(1)
            own.start()
        self.check(place, tree, self.restart_jobs, killed=False)
        assert "cut off" in tree.log

    @pytest.mark.slow
    def test_a_frozen_server_is_waited_for(self, place: Site, own: Server) -> None:
        """Nobody is stuck, nobody is busy meanwhile, and all goes on by itself."""
        self.enqueue(place, self.restart_jobs)
        tree = place.worker("--processes", "2")
        place.wait_journal("count", count=100)
        own.signal(signal.SIGSTOP)
        time.sleep(self.frozen_seconds / 2)
        before = cpu_seconds(tree)
        time.sleep(self.frozen_seconds / 2)
        assert cpu_seconds(tree) - before < self.frozen_seconds / 10
        own.signal(signal.SIGCONT)
        self.check(place, tree, self.restart_jobs, killed=False)

    def enqueue(self, place: Site, jobs: int) -> None:
        """Slow ones among quick ones, so that kills hit runs."""
        calls = [[number, 0.002 if number % 40 == 0 else 0.0] for number in range(jobs)]
        place.enqueue_many("count", calls)

    def check(self, place: Site, tree: Tree, jobs: int, *, killed: bool = True) -> None:
        """Each job ran; a second run followed a death or a lost lease, and knows of it."""
        over = "SELECT count(*), count(DISTINCT id) FROM convoy_history"
        # Some servers do not count what somebody holds who may be dead.
        wait_for(
            lambda: not place.left() and place.sql(over)[0][0] >= jobs, lambda: place.logs(), 120
        )
        assert tree.stop() == 0
        over = place.sql(over)
        assert over == [[jobs, jobs]]
        runs: dict[int, list[int]] = collections.defaultdict(list)
        for _, number, attempt, _ended in place.journal("count"):
            runs[int(number)].append(int(attempt))
        assert len(runs) == jobs
        doubled = {number: seen for number, seen in runs.items() if len(seen) > 1}
        for number, seen in doubled.items():
            unique = len(set(seen)) == len(seen)
            assert unique or not self.counts_each_run, f"job {number}: an attempt ran twice: {seen}"
        if not killed:
            assert len(doubled) <= jobs // 100, doubled  # what was settled when the server went


def cpu_seconds(tree: Tree) -> float:
    """CPU seconds that a tree has used."""
    ticks = 0
    for pid in [tree.pid, *tree.workers(), *tree.children("steward")]:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / 100
