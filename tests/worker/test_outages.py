"""The database goes away and comes back: workers go on by themselves, nothing is run twice."""

import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.worker.postgres import Server
from tests.worker.site import Site, opened, wait_for

SLOTS = pytest.mark.parametrize("flags", [(), ("--threads", "2")], ids=" ".join)


def check_each_ran_once(site: Site, jobs: int) -> None:
    assert site.live() == 0
    rows = site.sql("SELECT status, count(*), count(DISTINCT id) FROM convoy_history GROUP BY 1")
    assert rows == [["SUCCESSFUL", jobs, jobs]]
    runs = [line[1] for line in site.journal("count")]
    doubled = {one for one in runs if runs.count(one) > 1}
    assert not doubled, [line for line in site.journal("count") if line[1] in doubled]


@pytest.mark.slow
@SLOTS
def test_a_locked_database_is_waited_for(make_site: Callable[..., Site], flags: list[str]) -> None:
    site = make_site(options={"lease": 3}, busy=1)
    site.enqueue_many("count", [[number, 0.005] for number in range(600)])
    slow = site.enqueue("slow", "me", 3, priority=5)
    tree = site.worker("--processes", "2", *flags)
    site.wait_journal("start", "me")
    site.wait_journal("count", count=50)
    lock = sqlite3.connect(site.folder / "site.sqlite3", isolation_level=None, timeout=20)
    lock.execute("BEGIN EXCLUSIVE")
    site.wait_journal("end", "me")  # its outcome has to wait
    time.sleep(5)
    assert site.result(slow)["status"] != "SUCCESSFUL"
    assert len(tree.workers()) == 2  # they are still there
    lock.execute("ROLLBACK")
    lock.close()
    site.wait_empty(60)
    check_each_ran_once(site, 601)
    assert site.result(slow)["attempts"] == 1
    assert len(site.journal("start")) == 1
    said = tree.log.count("cut off")
    assert 1 <= said <= 6, tree.log  # once per process and outage, not once per try
    assert tree.stop() == 0


@pytest.mark.postgres
@pytest.mark.slow
@SLOTS
def test_connections_may_break_at_any_moment(
    make_postgres_site: Callable[..., Site], flags: list[str]
) -> None:
    site = make_postgres_site(options={"lease": 5})
    site.enqueue_many("count", [[number, 0.003] for number in range(2000)])
    tree = site.worker("--processes", "2", *flags)
    site.wait_journal("count", count=20)
    dice = random.Random(3)
    for _ in range(15):
        site.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        time.sleep(dice.uniform(0.05, 0.3))
    site.wait_empty(60)
    check_each_ran_once(site, 2000)
    assert "ended with wait status" not in tree.log
    assert tree.stop() == 0


@pytest.fixture
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="convoy-outage-"))
    folder.chmod(0o711)  # the server may be another user's
    made = None
    try:
        made = Server(folder)
        yield made
    finally:
        if made is not None:
            made.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_server_may_go_away_for_longer_than_a_lease(
    tmp_path: Path, server: Server, number: signal.Signals
) -> None:
    url = server.database()
    with opened(tmp_path / "site", None, database=url, options={"lease": 4}) as site:
        site.run("migrate", "--verbosity", "0")
        ids = site.enqueue_many("count", [[n, 0.005] for n in range(800)])
        slow = site.enqueue("slow", "long", 12, priority=5)
        soon = site.enqueue("slow", "soon", 2, priority=5)
        tree = site.worker("--processes", "3")
        site.wait_journal("start", count=2)
        site.wait_journal("count", count=20)
        server.stop(number)
        time.sleep(7)  # longer than the lease; the short one ends meanwhile
        assert site.journal("end", "soon")
        assert len(tree.workers()) == 3
        server.start()
        site.forget_client()
        site.wait_finished(slow, soon, *ids[:5], seconds=60)
        site.wait_empty(60)
        check_each_ran_once(site, 802)
        assert len(site.journal("start")) == len(site.journal("end")) == 2
        assert "ended with wait status" not in tree.log
        assert tree.log.count("cut off") <= 8
        assert tree.stop() == 0


@pytest.mark.postgres
@pytest.mark.slow
def test_a_tree_stops_while_the_server_is_away(tmp_path: Path, server: Server) -> None:
    url = server.database()
    with opened(tmp_path / "site", None, database=url, options={"lease": 4}) as site:
        site.run("migrate", "--verbosity", "0")
        site.enqueue("slow", "me", 1)
        tree = site.worker("--processes", "2", "--drain", "3")
        site.wait_journal("start", "me")
        server.stop()
        site.wait_journal("end", "me")
        tree.signal(signal.SIGTERM)
        tree.wait(30)
        wait_for(lambda: not site.survivors(), "all to leave")
        server.start()
        site.forget_client()
        site.worker("--processes", "1")
        site.wait_empty()
        # Its outcome died with the tree, so it ran again, and says so.
        assert len(site.journal("start", "me")) == 2
        rows = site.sql("SELECT attempt, note FROM convoy_history")
        assert rows[0][0] == 2
        assert "lapsed" in rows[0][1]
