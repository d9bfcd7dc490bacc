"""What every broker on a server of its own has to stand: kills, restarts, outages of all kinds.

Inherit, and say in `server()` and `broker()` which. Results are kept in the site's SQLite file.
"""

import collections
import contextlib
import json
import random
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from django_convoy.core.pace import LARGEST_CLAIM
from tests.worker.proxy import CUT, OPEN, SILENT, Proxy
from tests.worker.servers import Server
from tests.worker.site import Site, Tree, kill, wait_for

KILLED, LAPSED = "SIGKILL", "lease_lapsed"
"""How a run ended, as the next one is told: nothing else ends one in these tests."""
CUT_OFF = re.compile(r"^\S+ \S+ (\d+) WARNING cut off", re.MULTILINE)
BACK = re.compile(r"^\S+ \S+ \d+ WARNING connected .*again", re.MULTILINE)


class UnderFire:
    """kill_jobs, kill_seconds: how many jobs, and the pause between two kills. outages: which it
    has to stand, one after the other, and outage_jobs: how many jobs each of them hits.
    frozen_seconds: how long a server does not answer. lease: of the worker, in seconds.
    counts_each_run: two runs never have the same attempt; not where a death can leave a job twice.
    tells: whether `convoy status` can be asked meanwhile, by a database that is not away.
    """

    kill_jobs = 20_000
    kill_seconds = 0.5
    outages: tuple[str, ...] = ("stopped", "killed", "frozen", "cut")
    outage_jobs = 1_500
    frozen_seconds = 10.0
    lease = 5
    counts_each_run = True
    tells = True

    def server(self, folder: Path) -> Server:
        """Return a server of this test's own that keeps what it acknowledged."""
        raise NotImplementedError

    def broker(self, url: str) -> dict[str, Any]:
        """Return OPTIONS["broker"] for the server at a URL."""
        raise NotImplementedError

    def site(self, make_site: Callable[..., Site], url: str) -> Site:
        """Return a site whose broker is the server at a URL."""
        return make_site(options={"broker": self.broker(url), **self.options})

    @property
    def options(self) -> dict[str, Any]:
        return {"lease": self.lease, "task": {"crash_budget": 50}}

    @pytest.fixture
    def own(self, tmp_path: Path) -> Iterator[Server]:
        server = self.server(tmp_path)
        yield server
        server.stop(signal.SIGKILL)

    @pytest.fixture
    def place(self, own: Server, make_site: Callable[..., Site]) -> Site:
        return self.site(make_site, own.url)

    @pytest.fixture
    def network(self, own: Server) -> Iterator[Proxy]:
        port = urlsplit(own.url).port
        assert port
        proxy = Proxy(port)
        yield proxy
        proxy.close()

    @pytest.fixture
    def remote(self, own: Server, network: Proxy, make_site: Callable[..., Site]) -> Site:
        """Reaches its server by a network that can be cut."""
        url = own.url.replace(f":{urlsplit(own.url).port}", f":{network.port}")
        return self.site(make_site, url.replace("?replicaSet=rs0", "?directConnection=true"))

    @pytest.mark.slow
    def test_killed_workers_lose_nothing(
        self, place: Site, record_property: Callable[[str, object], None]
    ) -> None:
        """A worker is killed every half second, to the end; what runs again says which death it
        was, and no death costs more than what its worker had."""
        self.enqueue(place, range(self.kill_jobs))
        tree = place.worker("--processes", "2")
        place.wait_journal("count")
        dice, killed = random.Random(1), 0
        while len(place.journal("count")) < self.kill_jobs * 0.98:  # some wait for their lease
            time.sleep(self.kill_seconds)
            if workers := tree.workers():
                killed += kill(dice.choice(workers))
        assert killed
        runs = self.check(place, tree, self.kill_jobs)
        again = collections.Counter(why for ends in runs.values() for why in ends[1:])
        told = ", ".join(f"{count} after {why}" for why, count in sorted(again.items()))
        record_property("fire", f"{self.kill_jobs} jobs, {killed} kills; second runs: {told or 0}")
        assert again[KILLED] <= killed
        assert again[LAPSED] <= killed * LARGEST_CLAIM

    @pytest.mark.slow
    def test_outages_lose_nothing(
        self, remote: Site, own: Server, network: Proxy, record_property: Callable[..., None]
    ) -> None:
        """Stopped, killed, frozen, or behind a network that is cut: nobody is stuck, nobody is
        busy meanwhile, each process says so once, and all goes on by itself."""
        tree = remote.worker("--processes", "2")
        jobs, said = 0, []
        for outage in self.outages:
            before = len(tree.log)
            more = range(jobs, jobs + self.outage_jobs)
            self.enqueue(remote, more)
            remote.wait_journal("count", count=jobs + self.outage_jobs // 20)
            remote.forget_client()
            getattr(self, outage)(remote, tree, own, network)
            jobs += self.outage_jobs
            # One may have to wait for its lease, if an answer was lost.
            late = LARGEST_CLAIM if jobs > 2 * LARGEST_CLAIM else self.outage_jobs // 2
            remote.wait_journal("count", count=jobs - late)
            wait_for(lambda at=before: is_back(tree, at), lambda: f"not all are back\n{tree.log}")
            each = collections.Counter(CUT_OFF.findall(tree.log[before:]))
            said.append(f"{outage} {sum(each.values())}")
            assert all(times == 1 for times in each.values()), f"{outage}: {tree.log[before:]}"
        runs = self.check(remote, tree, jobs)
        again = collections.Counter(why for ends in runs.values() for why in ends[1:])
        record_property("fire", f"cut off, lines: {', '.join(said)}; second runs: {again.total()}")
        assert not again[KILLED]
        # What was being claimed or settled when the server went: a batch of each process.
        assert again[LAPSED] <= min(2 * LARGEST_CLAIM, jobs // 10)

    def stopped(self, site: Site, tree: Tree, own: Server, network: Proxy) -> None:
        own.stop()
        time.sleep(0.5)
        own.start()

    def killed(self, site: Site, tree: Tree, own: Server, network: Proxy) -> None:
        own.stop(signal.SIGKILL)
        time.sleep(0.5)
        own.start()

    def frozen(self, site: Site, tree: Tree, own: Server, network: Proxy) -> None:
        own.signal(signal.SIGSTOP)
        end = time.monotonic() + self.frozen_seconds
        with idle(tree):
            self.is_told(site)
            time.sleep(max(0.0, end - time.monotonic()))
        own.signal(signal.SIGCONT)

    def cut(self, site: Site, tree: Tree, own: Server, network: Proxy) -> None:
        """First nothing arrives, then connections are reset, and new ones, too."""
        begun = len(tree.log)
        network.state = SILENT
        time.sleep(1)
        network.state = CUT
        with idle(tree):
            wait_for(lambda: CUT_OFF.search(tree.log, begun), "somebody to notice")
            self.is_told(site)
            time.sleep(1)
        network.state = OPEN

    def is_told(self, site: Site) -> None:
        """Wait until `convoy status` says that the worker is cut off."""
        if self.tells:
            wait_for(lambda: cut_off(site), lambda: f"status says nothing\n{site.logs()}")

    def enqueue(self, place: Site, numbers: range) -> None:
        """Slow ones among quick ones, so that kills hit runs."""
        calls = [[number, 0.002 if number % 40 == 0 else 0.0] for number in numbers]
        place.enqueue_many("count", calls)

    def check(self, place: Site, tree: Tree, jobs: int) -> dict[int, list[str]]:
        """Each job ran, and is over once; each further run says how the one before it ended.

        Returns for each job why it ran: "-" for the first time, KILLED or LAPSED.
        """
        over = "SELECT count(*), count(DISTINCT id) FROM convoy_history"
        # Some servers do not count what somebody holds who may be dead.
        wait_for(
            lambda: not place.left() and place.sql(over)[0][0] >= jobs,
            lambda: f"{place.left()} left, {place.sql(over)} over\n{place.logs()}",
            120,
        )
        assert tree.stop() == 0
        assert place.sql(over) == [[jobs, jobs]]
        runs: dict[int, list[str]] = collections.defaultdict(list)
        attempts: dict[int, list[int]] = collections.defaultdict(list)
        for _, number, attempt, ended in place.journal("count"):
            why = next((one for one in (KILLED, LAPSED) if one in ended), ended)
            assert why in (KILLED, LAPSED, "-"), f"job {number}, attempt {attempt}: {ended}"
            assert (why == "-") == (attempt == "1"), f"job {number}, attempt {attempt}: {ended}"
            runs[int(number)].append(why)
            attempts[int(number)].append(int(attempt))
        assert len(runs) == jobs
        for number, seen in attempts.items():
            unique = len(set(seen)) == len(seen)
            assert unique or not self.counts_each_run, f"job {number}: an attempt ran twice: {seen}"
        return runs


class DatabaseUnderFire(UnderFire):
    """Jobs, results and reports are in the database that goes away."""

    tells = False

    @pytest.fixture
    def own(self) -> Iterator[Server]:
        folder = Path(tempfile.mkdtemp(prefix="convoy-fire-"))
        folder.chmod(0o711)  # the server may be another user's
        server = self.server(folder)
        yield server
        server.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)

    def site(self, make_site: Callable[..., Site], url: str) -> Site:
        site = make_site(database=url, options=self.options)
        site.run("migrate", "--verbosity", "0")
        return site


def cut_off(site: Site) -> bool:
    """Whether `convoy status` says so of the worker."""
    told: dict[str, Any] = json.loads(site.run("convoy", "status", "--json"))
    return any(one["cut_off"] for one in told["workers"])


def is_back(tree: Tree, since: int) -> bool:
    """Whether all that were cut off said that it is over. since: where to read the log from."""
    return len(BACK.findall(tree.log, since)) >= len(CUT_OFF.findall(tree.log, since))


@contextlib.contextmanager
def idle(tree: Tree) -> Iterator[None]:
    """What a tree uses of a CPU meanwhile is next to nothing."""
    before, began = cpu_seconds(tree), time.monotonic()
    yield
    used, took = cpu_seconds(tree) - before, time.monotonic() - began
    assert used < 0.2 + took / 10, f"{used:.2f} s of CPU in {took:.1f} s\n{tree.log[-3000:]}"


def cpu_seconds(tree: Tree) -> float:
    """CPU seconds that a tree has used."""
    ticks = 0
    for pid in [tree.pid, *tree.workers(), *tree.children("steward")]:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / 100
