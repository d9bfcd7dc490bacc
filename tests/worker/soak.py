"""Half an hour of mixed load and damage on PostgreSQL: `make soak`, or ARGS="--minutes 2".

Eight workers on two trees run quick, slow, failing, delayed and atomic jobs, while workers and
stewards are killed, connections cut, and the server is restarted, once cleanly and once not. At
the end each job must be accounted for, each run after the first must follow a death or an end, and
the table of live jobs must not have grown beyond what passes between two vacuums.
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
from typing import Any, TypeVar

from tests.worker.postgres import Server
from tests.worker.site import Site, Tree, kill, opened
from tests.worker.verdict import Stints, size_allowed

T = TypeVar("T")
TREES, PROCESSES = 2, 4
MIB = 1 << 20
BATCH = 200
AHEAD = 2_000
"""Live jobs below which more are enqueued."""
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND backend_type = 'client backend' "
    "AND pid <> pg_backend_pid() ORDER BY random() LIMIT %s"
)
"""Our connections. The server's vacuum is none of them, and the bound of the table stands on it."""
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
        self.numbers = 0
        self.promised: list[int] = []
        """Numbers of `stint` whose enqueue was answered; of others nobody knows."""
        self.answered: collections.Counter[str] = collections.Counter()
        self.killed = collections.defaultdict[int, list[tuple[float, float]]](list)
        self.damage: collections.Counter[str] = collections.Counter()
        self.largest = 0
        self.took = seconds

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
        self.took = time.monotonic() - begun
        self.site.wait_empty(60)  # nothing sleeps beside what it could run
        self.report(time.monotonic() - begun)
        for tree in self.trees:
            if status := tree.stop():
                self.damage[f"trees that ended with {status}"] += 1

    def feed(self) -> None:
        if self.trouble(self.site.live, AHEAD) >= AHEAD:
            return
        quick = [[one, self.slowness()] for one in self.next(BATCH)]
        if not self.enqueue("stint", quick):
            return
        self.enqueue("stint", [[one, 0.0] for one in self.next(20)], run_after=2.0)
        self.enqueue("transfer", [[one, 0.02] for one in self.next(10)])
        (name,) = self.next(1)
        self.enqueue("fail_until", [[str(name), 2]], retries=3, backoff=0.5)

    def next(self, count: int) -> range:
        """Numbers that no job has, not even one whose enqueue was not answered."""
        self.numbers += count
        return range(self.numbers - count, self.numbers)

    def enqueue(self, task: str, calls: list[list[Any]], **options: Any) -> bool:
        """Enqueue; remember it if the site says that it was done."""
        if not self.trouble(lambda: self.site.enqueue_many(task, calls, **options), []):
            return False
        self.answered[task] += len(calls)
        if task == "stint":
            self.promised += [number for number, _ in calls]
        return True

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
            cut = self.trouble(lambda: self.site.sql(CUT, self.dice.randint(1, 6)), [])
            self.damage["connections cut"] += len(cut)
            return
        pids = tree.children(what)
        before = time.monotonic()
        if not pids or not kill(pid := self.dice.choice(pids)):
            return
        self.killed[pid].append((before, time.monotonic()))
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
                f"{seconds:6.0f} s: {sum(self.answered.values()):,} enqueued, table "
                f"{total >> 20} MiB (indexes {indexes >> 20}), {live:,} live and {dead:,} dead "
                f"rows, {came:,} in, {went:,} out, {vacuums} autovacuums; {dict(self.damage)}",
                flush=True,
            )

    def verdict(self) -> list[str]:
        """What is wrong: an empty list if nothing is."""
        began, ended = (
            [line[1:] for line in self.site.journal(word)] for word in ("began", "ended")
        )
        stints = Stints.read(began, ended)
        print(
            f"{len(stints.by_number):,} jobs ran, {stints.again()} of them again; "
            f"{dict(self.damage)}"
        )
        wrong = [*stints.wrong(self.promised, self.killed), *self.wrong_records()]
        rate = sum(self.answered.values()) / self.took
        allowed = size_allowed(AHEAD, rate)
        print(
            f"largest table: {self.largest / MIB:.1f} MiB, of {allowed / MIB:.1f} allowed "
            f"with {AHEAD:,} waiting and {rate:,.0f} jobs a second"
        )
        if self.largest > allowed:
            wrong.append(f"the table of live jobs grew to {self.largest:,} bytes of {allowed:,}")
        wrong += [why for why in self.damage if why.startswith("trees that ended")]
        return wrong

    def wrong_records(self) -> list[str]:
        """What the history and the rows of atomic jobs say."""
        wrong = []
        rows = self.site.sql(
            "SELECT split_part(task, '.', 5), status, count(*), count(DISTINCT result) "
            "FROM convoy_history GROUP BY 1, 2 ORDER BY 1, 2"
        )
        print("history:", rows)
        over = {(task, status): count for task, status, count, _ in rows}
        for task, expected in self.answered.items():
            done, failed = over.get((task, "SUCCESSFUL"), 0), over.get((task, "FAILED"), 0)
            if done + failed < expected:
                wrong.append(f"{expected} {task} were enqueued, {done + failed} ended")
            if failed and task != "transfer":  # it has a timeout, which an outage may use up
                wrong.append(f"{failed} {task} failed")
        distinct = {task: count for task, status, _, count in rows if status == "SUCCESSFUL"}
        if distinct.get("stint", 0) != over.get(("stint", "SUCCESSFUL"), 0):
            wrong.append("a job has two records")
        odd = self.site.sql(
            "SELECT number, count(*) FROM testapp_note GROUP BY 1 HAVING count(*) <> 2 LIMIT 5"
        )
        if odd:
            wrong.append(f"atomic jobs with other than two rows: {odd}")
        ((notes,),) = self.site.sql("SELECT count(*) / 2 FROM testapp_note")
        done, followers = (over.get((task, "SUCCESSFUL"), 0) for task in ("transfer", "quick"))
        if not done == notes == followers:
            wrong.append(f"{done} atomic jobs succeeded, {notes} left rows, {followers} followed")
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
