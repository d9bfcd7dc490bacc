"""Workers on Redis: kills, restarts and a frozen server; waiting without polling; at most once."""

import collections
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from django_convoy.brokers.redis_idling import LONGEST
from django_convoy.core.pace import LARGEST_CLAIM
from tests.worker.fire import UnderFire
from tests.worker.redis import DURABLE, with_options
from tests.worker.servers import Server
from tests.worker.site import Site, kill, wait_for

pytestmark = pytest.mark.valkey
SOON = LONGEST / 4
"""Seconds: sooner than any look of a worker that has been idle for long."""


class TestUnderFire(UnderFire):
    kill_jobs = 20_000

    def server(self, folder: Path) -> Server:
        return Server("valkey", folder, with_options(*DURABLE))

    def broker(self, url: str) -> dict[str, Any]:
        return {"name": "redis", "url": url}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server("valkey", tmp_path)
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def client(server: Server) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url, protocol=2) as client:
        yield client


@pytest.fixture
def site(server: Server, make_site: Callable[..., Site]) -> Site:
    broker = {"name": "redis", "url": server.url}
    return make_site(options={"broker": broker, "store": "redis", "lease": 30})


def calls(client: redis.Redis, command: str) -> int:
    """How often a command was executed so far."""
    stats = client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})
    return int(stats["calls"])


def wait_idle(client: redis.Redis, workers: int) -> None:
    """Wait until all workers sleep, and have done so for long enough to look seldom."""
    wait_for(lambda: client.info("clients")["blocked_clients"] == workers, "all to be idle")
    time.sleep(SOON)


def started_soon(site: Site, *words: object, count: int = 1) -> None:
    wait_for(lambda: len(site.journal(*words)) >= count, f"{words}\n{site.logs()}", SOON)


@pytest.mark.slow
class TestWaiting:
    def test_one_enqueue_wakes_an_idle_worker_and_no_others(
        self, site: Site, client: redis.Redis
    ) -> None:
        site.enqueue("quick", "new")  # of a queue that is new all have to hear
        site.worker("--processes", "6")
        site.wait_journal("quick", "new")
        wait_idle(client, 6)
        for number in range(3):
            before = calls(client, "bzpopmin")
            site.enqueue("quick", number)
            started_soon(site, "quick", number)
            time.sleep(0.2)
            assert calls(client, "bzpopmin") - before < 6

    def test_idle_workers_neither_poll_nor_take_silence_for_an_outage(
        self, site: Site, client: redis.Redis
    ) -> None:
        tree = site.worker("--processes", "4")
        wait_idle(client, 4)
        time.sleep(SOON)
        before = calls(client, "bzpopmin"), calls(client, "evalsha")
        time.sleep(4)  # longer than the client's own patience, with the time before
        assert calls(client, "bzpopmin") - before[0] <= 4
        assert calls(client, "evalsha") - before[1] <= 4
        assert "cut off" not in tree.log

    def test_several_jobs_wake_several_workers(self, site: Site, client: redis.Redis) -> None:
        site.worker("--processes", "3")
        wait_idle(client, 3)
        site.enqueue_many("slow", [[number, 2.5] for number in range(3)])
        started_soon(site, "start", count=3)

    def test_jobs_of_different_queues_wake_different_workers(
        self, site: Site, client: redis.Redis
    ) -> None:
        site.worker("--processes", "3")
        wait_idle(client, 3)
        for queue in ("never-used", "before", "today"):
            site.enqueue("slow", queue, 2.5, queue_name=queue)
        started_soon(site, "start", count=3)

    def test_workers_of_named_queues_are_woken_for_those_alone(
        self, site: Site, client: redis.Redis
    ) -> None:
        site.worker("--processes", "1", "--queues", "high,low")
        wait_idle(client, 1)
        site.enqueue("quick", "theirs", queue_name="other")
        for queue in ("low", "high"):
            site.enqueue("quick", queue, queue_name=queue)
            started_soon(site, "quick", queue)
        assert not site.journal("quick", "theirs")

    def test_what_falls_due_wakes(self, site: Site, client: redis.Redis) -> None:
        site.worker("--processes", "2")
        wait_idle(client, 2)
        site.enqueue("quick", "late", run_after=1.0)
        site.enqueue("fail_until", "me", 2, retries=1, backoff=1.0)
        started_soon(site, "quick", "late")
        started_soon(site, "try", count=2)

    def test_what_falls_due_is_not_forgotten_by_who_gets_other_work(
        self, site: Site, client: redis.Redis
    ) -> None:
        site.worker("--processes", "2")
        wait_idle(client, 2)
        site.enqueue("quick", "late", run_after=1.5)
        time.sleep(0.3)
        site.enqueue("slow", "me", 6)
        started_soon(site, "start", "me")
        started_soon(site, "quick", "late")

    def test_an_idle_tree_ends_at_once(self, site: Site, client: redis.Redis) -> None:
        tree = site.worker("--processes", "2")
        wait_idle(client, 2)
        began = time.monotonic()
        assert tree.stop() == 0
        assert time.monotonic() - began < SOON
        assert client.info("clients")["blocked_clients"] == 0

    def test_connections_that_are_cut_are_made_anew(self, site: Site, client: redis.Redis) -> None:
        tree = site.worker("--processes", "2")
        wait_idle(client, 2)
        client.client_kill_filter(_type="normal", skipme=True)
        site.forget_client()
        site.enqueue("quick", "me")
        started_soon(site, "quick", "me")
        # That it is over is said when nothing has failed for a while.
        wait_for(lambda: tree.log.count("connected to the broker again") == 2, lambda: tree.log)
        assert tree.log.count("cut off") == 2


@pytest.mark.slow
class TestAtMostOnce:
    @pytest.fixture
    def site(
        self, request: pytest.FixtureRequest, server: Server, make_site: Callable[..., Site]
    ) -> Site:
        broker = {"name": "redis", "url": server.url, "delivery": "at_most_once"}
        # Without the app whose tasks may run again: they are refused.
        return make_site(options={"broker": broker, "store": request.param}, apps=[])

    @pytest.mark.parametrize("site", ["none"], indirect=True)
    def test_nothing_runs_twice_when_workers_are_killed(
        self, site: Site, client: redis.Redis
    ) -> None:
        """A kill loses what ran, or what was just being handed out; the rest goes back."""
        jobs = 5_000
        calls = [[number, 0.002 if number % 40 == 0 else 0.0] for number in range(jobs)]
        site.enqueue_many("tests.worker.project.once.count_once", calls)
        tree = site.worker("--processes", "2")
        site.wait_journal("once")
        killed = 0
        while client.exists("convoy:{default}:incoming", "convoy:{default}:ready"):
            time.sleep(0.2)
            for pid in tree.workers()[:1]:
                killed += kill(pid)
        assert tree.stop() == 0
        runs = collections.Counter(line[1] for line in site.journal("once"))
        assert set(runs.values()) == {1}
        assert killed
        assert len(runs) >= jobs - killed * LARGEST_CLAIM

    @pytest.mark.parametrize("site", ["none"], indirect=True)
    def test_nothing_runs_twice_that_was_taken_back_from_behind_a_slow_job(
        self, site: Site, client: redis.Redis
    ) -> None:
        calls = [[number, 0.3 if number % 300 == 299 else 0.0] for number in range(3_000)]
        site.enqueue_many("tests.worker.project.once.count_once", calls)
        site.worker("--processes", "3")
        site.wait_journal("once", count=3_000)
        time.sleep(0.5)
        runs = collections.Counter(line[1] for line in site.journal("once"))
        assert (len(runs), set(runs.values())) == (3_000, {1})
        assert client.exists("convoy:{default}:returned")  # some were

    @pytest.mark.parametrize("site", ["database"], indirect=True)
    def test_a_job_whose_worker_was_killed_is_recorded_as_failed(self, site: Site) -> None:
        job = site.enqueue("tests.worker.project.once.kill_me")
        tree = site.worker("--processes", "1")
        wait_for(lambda: site.sql("SELECT id FROM convoy_history"), site.logs)
        found = site.result(job)
        assert (found["status"], found["attempts"]) == ("FAILED", 1)
        assert "WorkerDied" in found["errors"][0]["path"]
        assert tree.stop() == 0
        assert len(site.journal("kill_me")) == 1

    def test_tasks_that_may_run_again_are_refused(self, make_site: Callable[..., Site]) -> None:
        site = make_site(options={"broker": {"name": "redis", "delivery": "at_most_once"}})
        with pytest.raises(AssertionError, match="at_most_once"):
            site.enqueue("quick", "me")
