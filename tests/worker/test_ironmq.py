"""Workers on IronMQ: kills, restarts, a frozen server, renewals under new reservations.

The server is one that speaks its protocol (`tests/fakes/ironmq.py`), with leases of a few seconds
and a journal, so that it can be restarted.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from django_convoy.brokers.ironmq_client import PAUSES
from tests.recipes import fakes
from tests.worker.fire import UnderFire
from tests.worker.servers import Server
from tests.worker.site import Site, kill, wait_for

pytestmark = [pytest.mark.ironmq]


def serve(folder: Path) -> Server:
    def change(recipe: Any) -> None:
        recipe.serve = fakes.ironmq(folder, "--journal", str(folder / "journal")).serve

    return Server("ironmq", folder, change)


def options(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "name": "tests.worker.project.brokers.ImpatientIronMQ",
        "host": parts.hostname,
        "port": parts.port,
        "protocol": "http",
        "project_id": "fire",
        "token": "token",
        "timeout": 3,
        "poll": 1,
    }


def fail_next(place: dict[str, Any], status: int, count: int) -> None:
    connection = http.client.HTTPConnection(place["host"], place["port"])
    body = json.dumps({"project": place["project_id"], "status": status, "count": count})
    connection.request("POST", "/fake/errors", body)
    assert connection.getresponse().status == 200
    connection.close()


class TestIronMQ(UnderFire):
    kill_jobs = 6_000
    restart_jobs = 1_000
    lease = 15  # half of the real one's shortest; what lapsed there cannot be settled

    def server(self, folder: Path) -> Server:
        return serve(folder)

    @pytest.fixture
    def place(self, own: Server, make_site: Callable[..., Site]) -> Site:
        return make_site(
            queues=["default"],
            options={
                "broker": options(own.url),
                "lease": self.lease,
                "task": {"crash_budget": 50},
            },
        )


@pytest.fixture
def where(tmp_path: Path) -> Iterator[dict[str, Any]]:
    server = serve(tmp_path)
    yield options(server.url)
    server.stop()


@pytest.fixture
def site(where: dict[str, Any], make_site: Callable[..., Site]) -> Site:
    return make_site(queues=["default"], options={"broker": where, "lease": 2})


@pytest.mark.slow
def test_a_job_that_was_renewed_is_settled_under_its_new_reservation(site: Site) -> None:
    job_id = site.enqueue("slow", "me", 3)
    tree = site.worker("--processes", "1")
    wait_for(lambda: not site.left(), site.logs)
    result = site.result(job_id)
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 1)
    assert len(site.journal("start", "me")) == 1
    assert tree.stop() == 0
    assert "lost" not in tree.log


@pytest.mark.slow
def test_what_a_killed_worker_held_under_a_new_reservation_runs_again_at_once(site: Site) -> None:
    job_id = site.enqueue("slow", "me", 3)
    tree = site.worker("--processes", "1")
    site.wait_journal("start", "me")
    time.sleep(2)  # two periods of renewal
    began = time.monotonic()
    kill(*tree.workers())
    site.wait_journal("start", "me", 2)
    assert time.monotonic() - began < 1.5  # a lease is longer
    wait_for(lambda: not site.left(), site.logs)
    result = site.result(job_id)
    assert (result["status"], result["attempts"]) == ("SUCCESSFUL", 2)
    assert tree.stop() == 0
    assert "SIGKILL" in tree.log


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "count"), [(401, 1), (429, len(PAUSES) + 1), (500, len(PAUSES) + 1)]
)
def test_a_worker_outlives_what_a_server_answers_in_trouble(
    site: Site, where: dict[str, Any], status: int, count: int
) -> None:
    tree = site.worker("--processes", "1")
    site.enqueue("quick", "before")
    site.wait_journal("quick", "before")
    there = tree.workers()
    fail_next(where, status, count)
    wait_for(lambda: f"{status}" in tree.log, site.logs)
    site.enqueue("quick", "after")
    site.wait_journal("quick", "after")
    assert tree.workers() == there
    assert tree.stop() == 0
