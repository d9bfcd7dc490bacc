"""Workers on Amazon SQS: killed, cut off, stopped while they wait, and at work for too long."""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.worker.fire import UnderFire
from tests.worker.proxy import counting
from tests.worker.servers import Server
from tests.worker.site import Site, wait_for

pytestmark = pytest.mark.sqs


def broker(url: str, **options: Any) -> dict[str, Any]:
    return {
        "name": "sqs",
        "endpoint_url": url,
        "region": "eu-west-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "prefix": f"t{time.time_ns()}-",
        **options,
    }


class TestUnderFire(UnderFire):
    """With a tenth of the jobs of others: the server of the tests (moto, in Python, one lock) needs
    a millisecond for each of a message's three requests, so that 20,000 jobs with workers that
    begin anew all the time take minutes (CONVOY_TEST_SQS_KILL_JOBS=20000). Kills go on to the
    end."""

    kill_jobs = int(os.environ.get("CONVOY_TEST_SQS_KILL_JOBS", "2000"))
    outages = ("frozen", "cut")
    outage_jobs = 200
    lease = 3
    counts_each_run = False  # a job is sent anew before its old message is deleted

    def server(self, folder: Path) -> Server:
        return Server("sqs", folder)

    def broker(self, url: str) -> dict[str, Any]:
        # What is sent to a poll of a worker that was killed is lost for a lease: they are short.
        return broker(url, wait=1)

    def site(self, make_site: Callable[..., Site], url: str) -> Site:
        options = {"broker": self.broker(url), **self.options}
        return make_site(options=options, queues=["default"])

    @pytest.mark.slow
    def test_a_restarted_server_loses_nothing(self, place: Site, own: Server) -> None:
        """The server of the tests forgets all, so this shows that all go on with what is new."""
        self.enqueue(place, range(100))
        tree = place.worker("--processes", "2")
        place.wait_journal("count", count=100)
        own.stop()
        wait_for(lambda: "cut off" in tree.log, lambda: tree.log)
        own.start()
        self.enqueue(place, range(100, 200))
        place.wait_journal("count", count=200)
        wait_for(lambda: "connected to the broker again" in tree.log, lambda: tree.log)
        assert tree.stop() == 0


@pytest.fixture
def make(make_site: Callable[..., Site]) -> Callable[..., Site]:
    def make(lease: int = 5, **options: Any) -> Site:
        made = broker(os.environ["CONVOY_TEST_SQS"], **options)
        return make_site(options={"broker": made, "lease": lease}, queues=["default"])

    return make


def finished(site: Site, *job_ids: str) -> list[dict[str, Any]]:
    """Wait for records: nobody can look at jobs that wait on SQS."""
    for job_id in job_ids:
        look = partial(site.sql, "SELECT 1 FROM convoy_history WHERE id = %s", job_id)
        wait_for(look, site.logs)
    return [site.result(job_id) for job_id in job_ids]


def test_an_idle_worker_starts_a_job_and_stops_within_a_moment(make: Callable[..., Site]) -> None:
    site = make(wait=20)
    tree = site.worker("--processes", "2")
    site.enqueue("quick", "first")
    site.wait_journal("quick", "first")
    site.enqueue("quick", "second")
    site.wait_journal("quick", "second")
    wait_for(lambda: not site.left(), site.logs)
    time.sleep(1)  # all are in a poll of twenty seconds now
    began = time.monotonic()
    assert tree.stop() == 0
    assert time.monotonic() - began < 8, tree.log
    assert not site.survivors()


def test_a_burst_runs_what_is_there_and_its_retries(make: Callable[..., Site]) -> None:
    site = make(wait=2)
    site.enqueue_many("count", [[number] for number in range(50)])
    again = site.enqueue("fail_until", "me", 3, retries=3, backoff=0.1)
    lost = site.enqueue("fail_until", "never", 9, retries=1, backoff=0.1)
    site.burst("--processes", "1")
    kept, failed = finished(site, again, lost)
    assert (kept["status"], kept["attempts"]) == ("SUCCESSFUL", 3)
    assert "attempt 2" in kept["value"]  # how the run before ended came with the message
    assert (failed["status"], failed["attempts"]) == ("FAILED", 2)
    assert len(site.journal("count")) == 50
    assert site.left() == 0


def test_jobs_that_kill_their_worker_are_counted_and_quarantined(make: Callable[..., Site]) -> None:
    site = make(wait=2)
    job_id = site.enqueue("crash", "kill", crash_budget=2)
    others = site.enqueue_many("quick", [[number] for number in range(20)])
    tree = site.worker("--processes", "1")
    results = finished(site, job_id, *others)
    assert results[0]["status"] == "FAILED"
    assert "took its worker down 2 times" in str(results[0]["errors"]), tree.log
    assert len(site.journal("crash")) == 2
    assert len(site.journal("quick")) == 20


@pytest.mark.slow
def test_a_job_too_large_for_the_board_survives_its_worker(make: Callable[..., Site]) -> None:
    """The steward does not know all of it: the message comes again as it is."""
    site = make(wait=2)
    job_id = site.enqueue("slow", "x" * 5000, 1.0)
    tree = site.worker("--processes", "1")
    ((_, _, _, pid),) = site.wait_journal("start")
    os.kill(int(pid), 9)
    (result,) = finished(site, job_id)
    assert result["status"] == "SUCCESSFUL", tree.log
    assert [line[2] for line in site.journal("start")] == ["1", "2"]
    assert result["value"] == "x" * 5000


@pytest.mark.slow
def test_a_slow_job_keeps_its_message(make: Callable[..., Site]) -> None:
    site = make(lease=2, wait=1)
    job_id = site.enqueue("hold_interpreter", "me", 5)
    site.worker("--processes", "2")
    (result,) = finished(site, job_id)
    assert result["attempts"] == 1
    assert len(site.journal("start")) == 1


@pytest.mark.slow
def test_a_job_ends_before_its_message_can_be_held_no_longer(make: Callable[..., Site]) -> None:
    site = make(name="tests.worker.project.held_shortly.HoldsShortly", wait=2)
    job_id = site.enqueue("slow", "me", 60)
    site.worker("--processes", "1")
    (result,) = finished(site, job_id)
    assert result["status"] == "FAILED"
    assert "as long as its broker can hold a job (0:00:03)" in result["errors"][0]["message"]
    assert not site.journal("end")


@pytest.mark.slow
def test_an_idle_worker_asks_once_per_long_poll_and_nothing_else(
    make_site: Callable[..., Site],
) -> None:
    """With polls of 20 seconds that is three requests a minute, process and queue."""
    port = urlsplit(os.environ["CONVOY_TEST_SQS"]).port
    assert port is not None
    wait, watched, queues = 2, 6, ["default", "mail"]
    with counting(port, rb"AmazonSQS\.(\w+)") as proxy:
        place = broker(f"http://127.0.0.1:{proxy.port}", wait=wait)
        site = make_site(options={"broker": place}, queues=queues)
        site.enqueue("quick", "first")
        tree = site.worker("--processes", "2")
        site.wait_journal("quick", "first")
        time.sleep(1)
        asked = proxy.asked(watched)
        assert set(asked) == {"ReceiveMessage"}
        assert 4 <= asked["ReceiveMessage"] <= 2 * len(queues) * (watched / wait + 1)
        assert tree.stop() == 0
