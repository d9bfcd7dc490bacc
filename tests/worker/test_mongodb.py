"""A worker on MongoDB: kills, restarts, a frozen server; what it asks while idle, what wakes it."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from django_convoy.brokers.database_idling import ATTENDED_POLL
from tests.recipes.mongodb import without_replica_set
from tests.worker.fire import UnderFire
from tests.worker.servers import Server
from tests.worker.site import Site, wait_for

pytestmark = pytest.mark.mongodb
LEASE = 15
WATCHED = 5.0
"""Seconds for which an idle tree is watched."""
SOON = ATTENDED_POLL / 4
"""Seconds: sooner than any look of a worker that sleeps."""


class TestUnderFire(UnderFire):
    def server(self, folder: Path) -> Server:
        return Server("mongodb", folder)

    def broker(self, url: str) -> dict[str, Any]:
        return {"name": "mongodb", "uri": url}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Servers of this test's own, which counts what they are asked."""
    made: list[Server] = []

    def make(**changes: Any) -> Server:
        made.append(Server("mongodb", tmp_path, **changes))
        return made[-1]

    yield make
    for server in made:
        server.stop(signal.SIGKILL)


@pytest.fixture
def site_on(make_site: Callable[..., Site]) -> Callable[[Server], Site]:
    def make(server: Server, **options: Any) -> Site:
        broker = {"name": "mongodb", "uri": server.url, **options}
        return make_site(options={"broker": broker, "lease": LEASE})

    return make


def questions(url: str) -> int:
    """How many questions a server was asked, but for those of the driver itself."""
    with MongoClient(url) as client:
        told = client.admin.command("serverStatus")["metrics"]["commands"]
    return sum(told[name]["total"] for name in ("find", "aggregate", "distinct", "getMore"))


def streams(url: str) -> int:
    """How many change streams are open."""
    look = {"$currentOp": {"idleCursors": True, "allUsers": False}}
    first = "cursor.originatingCommand.pipeline.0.$changeStream"
    with MongoClient(url) as client:
        return len(list(client.admin.aggregate([look, {"$match": {first: {"$exists": True}}}])))


def asked_while_idle(site: Site, url: str) -> int:
    """How many questions an idle tree of two workers asks in the time watched."""
    site.enqueue("quick", "first")
    site.worker("--processes", "2")
    site.wait_journal("quick")
    time.sleep(2)  # all have looked, and those that look ever less often are slow by now
    before = questions(url)
    time.sleep(WATCHED)
    return questions(url) - before


@pytest.mark.slow
def test_an_idle_tree_watches_and_asks_next_to_nothing(
    own: Callable[..., Server], site_on: Callable[..., Site]
) -> None:
    """One answer of the stream per ten seconds, one look at what falls due per third of a
    lease; a worker that looks in these seconds asks five questions."""
    server = own()
    site = site_on(server)
    assert asked_while_idle(site, server.url) <= 1 + 2 + 2 * 5
    assert streams(server.url) == 1


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"watch": False}], ids=["alone", "unwatched"])
def test_an_idle_tree_that_is_told_of_nothing_asks_one_question_a_second(
    own: Callable[..., Server], site_on: Callable[..., Site], options: dict[str, Any]
) -> None:
    """However many workers it has: one process asks for all."""
    server = own() if options else own(change=without_replica_set)
    site = site_on(server, **options)
    assert asked_while_idle(site, server.url) <= WATCHED + 2
    for number in range(3):
        site.enqueue("quick", number)
        wait_for(lambda n=number: site.journal("quick", n), "it did not start", SOON)
    site.enqueue("quick", "late", run_after=1.5)
    wait_for(lambda: site.journal("quick", "late"), "what was late did not start", SOON)


@pytest.mark.slow
def test_jobs_that_nobody_here_serves_are_no_reason_to_hurry(
    own: Callable[..., Server], site_on: Callable[..., Site]
) -> None:
    server = own(change=without_replica_set)
    site = site_on(server)
    site.enqueue("quick", "other", queue_name="mail")
    site.enqueue("quick", "first")
    site.worker("--processes", "2", "--queues", "default")
    site.wait_journal("quick", "first")
    time.sleep(4)
    before = questions(server.url)
    time.sleep(WATCHED)
    # A look that finds something asks in which queues: four questions each.
    assert questions(server.url) - before <= 4 * (WATCHED + 2)
    assert not site.journal("quick", "other")


@pytest.mark.slow
def test_what_comes_and_what_falls_due_wakes_an_idle_tree(
    own: Callable[..., Server], site_on: Callable[..., Site]
) -> None:
    server = own()
    site = site_on(server)
    tree = site.worker("--processes", "2")
    wait_for(lambda: streams(server.url), "a stream")
    time.sleep(0.5)
    for number in range(5):
        site.enqueue("quick", number)
        wait_for(lambda n=number: site.journal("quick", n), "it did not start", SOON)
    site.enqueue("quick", "late", run_after=1.0)
    site.enqueue("fail_until", "me", 2, retries=1, backoff=1.0)
    wait_for(lambda: site.journal("quick", "late"), "what was late did not start", SOON)
    wait_for(lambda: len(site.journal("try")) == 2, "it was not tried again", SOON)
    assert "WARNING" not in tree.log


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"watch": False}], ids=["watching", "polling"])
def test_an_idle_tree_stops_when_it_is_told_to(
    own: Callable[..., Server], site_on: Callable[..., Site], options: dict[str, Any]
) -> None:
    server = own()
    site = site_on(server, **options)
    tree = site.worker("--processes", "2")
    site.enqueue("quick", "first")
    site.wait_journal("quick")
    wait_for(lambda: bool(streams(server.url)) is options.get("watch", True), "streams")
    time.sleep(1)
    assert tree.stop() == 0
    assert not site.survivors()
    assert "WARNING" not in tree.log
