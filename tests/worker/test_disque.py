"""Workers on Disque: kills, restarts, a frozen server, a node that goes away.

The server is one that speaks its protocol (`tests/fakes/disque.py`), with a journal, so that it
can be restarted.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from django_convoy.brokers.disque_nodes import Nodes, nodes_of
from tests.recipes import fakes
from tests.worker.fire import UnderFire
from tests.worker.proxy import counting
from tests.worker.servers import Server
from tests.worker.site import Site, wait_for

pytestmark = [pytest.mark.disque]


def serve(folder: Path, *more: str) -> Server:
    def change(recipe: Any) -> None:
        recipe.serve = fakes.disque(folder, "--journal", str(folder / "journal"), *more).serve

    return Server("disque", folder, change)


class TestDisque(UnderFire):
    kill_jobs = 8_000
    restart_jobs = 2_000
    frozen_seconds = 6.0  # more than a lease

    def server(self, folder: Path) -> Server:
        return serve(folder)

    def broker(self, url: str) -> dict[str, Any]:
        return {"name": "disque", "nodes": [url], "retry": self.lease, "timeout": 3}


def nodes_at(url: str) -> list[str]:
    asked = Nodes(nodes_of(url), None, 5)
    found = [f"{one[1].decode()}:{one[2].decode()}" for one in asked.ask("HELLO")[2:]]
    asked.close()
    return found


@pytest.mark.slow
def test_a_node_may_go_away_while_its_workers_work(
    tmp_path: Path, make_site: Callable[..., Site]
) -> None:
    server = serve(tmp_path, "--nodes", "2")
    nodes = nodes_at(server.url)
    broker = {"name": "disque", "nodes": nodes, "retry": 5, "timeout": 3}
    site = make_site(options={"broker": broker, "lease": 5})
    jobs = 600
    site.enqueue_many("count", [[number, 0.002] for number in range(jobs)])
    slow = site.enqueue("slow", "me", 4)
    tree = site.worker("--processes", "3")
    site.wait_journal("count", count=50)
    gone = Nodes(nodes_of(nodes[1]), None, 5)
    with pytest.raises(Exception, match="Disque at"):
        gone.ask("SHUTDOWN")
    wait_for(lambda: not site.left(), site.logs, 60)
    (result,) = site.wait_finished(slow)
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 1)
    assert {int(line[1]) for line in site.journal("count")} == set(range(jobs))
    assert tree.stop() == 0
    server.stop()


@pytest.mark.slow
def test_a_job_that_runs_for_longer_than_its_retry_is_not_delivered_again(
    tmp_path: Path, make_site: Callable[..., Site]
) -> None:
    server = serve(tmp_path)
    broker = {"name": "disque", "nodes": server.url, "retry": 2}
    site = make_site(options={"broker": broker, "lease": 2})
    job_id = site.enqueue("slow", "me", 4)
    tree = site.worker("--processes", "2")
    (result,) = site.wait_finished(job_id)
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 1)
    wait_for(lambda: not site.left(), "it to be settled")
    time.sleep(0.1)
    assert len(site.journal("start", "me")) == 1
    assert tree.stop() == 0
    server.stop()


@pytest.mark.slow
def test_an_idle_worker_waits_by_the_second_and_looks_for_suspects_as_often(
    tmp_path: Path, make_site: Callable[..., Site]
) -> None:
    server, watched = serve(tmp_path), 4
    ((_, port),) = nodes_of(server.url)
    with counting(port, rb"\*\d+\r\n\$\d+\r\n([A-Z]+)\r\n") as proxy:
        place = {"name": "disque", "nodes": f"127.0.0.1:{proxy.port}", "retry": 60}
        site = make_site(options={"broker": place, "lease": 60}, queues=["default"])
        site.enqueue("quick", "first")
        tree = site.worker("--processes", "2")
        site.wait_journal("quick", "first")
        time.sleep(1)
        asked = proxy.asked(watched)
        # A wait for jobs, and a look for suspects; no more than one of each a second.
        assert set(asked) == {"GETJOB", "QLEN"}
        for name in asked:
            assert 2 <= asked[name] <= 2 * (watched + 1)
        assert tree.stop() == 0
    server.stop()
