"""Half an hour of mixed load and damage on PostgreSQL: `make soak`, or ARGS="--minutes 2".

Eight workers on two trees run quick, slow, failing, delayed and atomic jobs, while workers and
stewards are killed, connections cut, and the server is restarted, once cleanly and once not. At
the end each job must be accounted for, and each run after the first must follow a death.
"""

import argparse
import collections
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.worker.postgres import Server
from tests.worker.site import Site, Tree, kill, opened

T = TypeVar("T")
TREES, PROCESSES = 2, 4
BATCH = 200
AHEAD = 2_000
"""Live jobs below which more are enqueued."""
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "ORDER BY random() LIMIT %s"
)
SIZES = (
    "SELECT pg_total_relation_size('convoy_job'), pg_indexes_size('convoy_job'), n_live_tup, "
    "n_dead_tup, n_tup_ins, n_tup_del, autovacuum_count FROM pg_stat_user_tables "
    "WHERE relname = 'convoy_job'"
)


class Soak:
    """One run."""

    def __init__(self, site: Site, server: Server, seconds: float, seed: int) -> None:
        self.site = site
        self.server = server
        self.seconds = seconds
        self.dice = random.Random(seed)
        self.trees: list[Tree] = []
        self.counted = 0
        self.transfers = 0
        self.damage: collections.Counter[str] = collections.Counter()
        self.largest = 0

    def run(self) -> None:
        for number in range(TREES):
            self.trees.append(
                self.site.worker("--processes", str(PROCESSES), "--name", str(number))
            )
        begun = time.monotonic()
        restarts = [self.seconds / 3, self.seconds * 2 / 3]
        hurt_at = report_at = begun + 2
        while (now := time.monotonic()) < begun + self.seconds:
            self.feed()
            if restarts and now - begun > restarts[0]:
                restarts.pop(0)
                self.restart(signal.SIGKILL if restarts else signal.SIGINT)
            elif now > hurt_at:
                hurt_at = now + self.dice.uniform(0.2, 2.0)
                self.hurt()
            if now > report_at:
                report_at = now + 30
                self.report(now - begun)
            time.sleep(0.05)
        self.site.wait_empty(300)
        self.report(time.monotonic() - begun)
        for tree in self.trees:
            tree.stop()

    def feed(self) -> None:
        if self.trouble(self.site.live, AHEAD) >= AHEAD:
            return
        first = self.counted
        calls = [[first + one, self.slowness()] for one in range(BATCH)]
        if self.trouble(lambda: self.site.enqueue_many("count", calls), None) is not None:
            self.counted += BATCH
            later = [[self.counted + one, 0.0] for one in range(20)]
            if self.trouble(lambda: self.site.enqueue_many("count", later, run_after=2.0), None):
                self.counted += 20
            rows = [[self.transfers + one, 0.02] for one in range(10)]
            if self.trouble(lambda: self.site.enqueue_many("transfer", rows), None):
                self.transfers += 10
            self.trouble(
                lambda: self.site.enqueue("fail_until", str(first), 2, retries=3, backoff=0.5), None
            )

    def slowness(self) -> float:
        return self.dice.choices([0.0, 0.005, 0.1, 2.0], [900, 80, 19, 1])[0]

    def trouble(self, step: Callable[[], T], otherwise: T) -> T:
        """Take a step that may fail because of what we do to the server: then nothing came of
        it, or it is told apart at the end."""
        try:
            return step()
        except (AssertionError, BrokenPipeError, ValueError):
            self.damage["our own statements refused"] += 1
            self.site.forget_client()
            return otherwise

    def hurt(self) -> None:
        tree = self.dice.choice(self.trees)
        what = self.dice.choices(["worker", "steward", "connections"], [6, 1, 3])[0]
        if what == "connections":
            self.trouble(lambda: self.site.sql(CUT, self.dice.randint(1, 6)), [])
        else:
            pids = tree.children(what)
            if not pids or not kill(self.dice.choice(pids)):
                return
        self.damage[f"{what} killed"] += 1

    def restart(self, number: signal.Signals) -> None:
        self.server.stop(number)
        time.sleep(3)
        self.server.start()
        self.site.forget_client()
        self.damage[f"server restarted by {number.name}"] += 1

    def report(self, seconds: float) -> None:
        rows = self.trouble(lambda: self.site.sql(SIZES), [])
        if rows:
            total, indexes, live, dead, came, went, vacuums = rows[0]
            self.largest = max(self.largest, total)
            print(
                f"{seconds:6.0f} s: {self.counted:,} enqueued, table {total >> 20} MiB (indexes "
                f"{indexes >> 20}), {live:,} live and {dead:,} dead rows, {came:,} in, {went:,} "
                f"out, {vacuums} autovacuums; {dict(self.damage)}",
                flush=True,
            )

    def verdict(self) -> list[str]:
        """What is wrong: an empty list if nothing is."""
        wrong = []
        statuses = self.site.sql(
            "SELECT status, count(*) FROM convoy_history GROUP BY 1 ORDER BY 1"
        )
        print("history:", statuses)
        runs: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)
        for _, number, attempt, ended in self.site.journal("count"):
            runs[number].append((attempt, ended))
        missing = [number for number in range(self.counted) if str(number) not in runs]
        if missing:
            wrong.append(f"never run: {len(missing)} jobs, such as {missing[:5]}")
        for number, begun in runs.items():
            attempts = [attempt for attempt, _ in begun]
            if len(set(attempts)) < len(attempts):
                wrong.append(f"job {number}: an attempt ran twice: {begun}")
            elif any((ended == "-") != (attempt == "1") for attempt, ended in begun):
                wrong.append(f"job {number}: a second run does not say why: {begun}")
        rows = self.site.sql(
            "SELECT number, count(*) FROM testapp_note GROUP BY 1 HAVING count(*) <> 2 LIMIT 5"
        )
        if rows:
            wrong.append(f"atomic jobs with other than two rows: {rows}")
        (done,), (notes,) = (
            self.site.sql(
                "SELECT count(*) FROM convoy_history "
                "WHERE task LIKE '%%transfer' AND status = 'SUCCESSFUL'"
            ),
            self.site.sql("SELECT count(*) / 2 FROM testapp_note"),
        )
        if done != notes:
            wrong.append(f"{done[0]} atomic jobs succeeded, {notes[0]} left rows")
        again = sum(len(begun) - 1 for begun in runs.values())
        print(f"{len(runs):,} jobs ran, {again} of them again after a death; {dict(self.damage)}")
        print(f"largest table: {self.largest >> 20} MiB")
        return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.minutes:g} minutes, {TREES * PROCESSES} workers", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="convoy-soak-"))
    folder.chmod(0o711)  # the server may be another user's
    server = None
    try:
        server = Server(folder)
        url = server.database()
        options = {"lease": 5, "task": {"crash_budget": 50}}
        with opened(folder / "site", None, database=url, options=options) as site:
            site.run("migrate", "--verbosity", "0")
            soak = Soak(site, server, given.minutes * 60, given.seed)
            soak.run()
            wrong = soak.verdict()
            if wrong:
                print(site.logs(), file=sys.stderr)
    finally:
        if server is not None:
            server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)
    for one in wrong[:20]:
        print(f"WRONG: {one}")
    print(f"{'FAILED' if wrong else 'passed'}: {len(wrong)} things are wrong")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
