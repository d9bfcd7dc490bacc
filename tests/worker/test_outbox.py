"""Jobs for a broker elsewhere, with a worker that sends what others left in the outbox."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime

import pytest

from tests.worker.site import Site, wait_for

ELSEWHERE = {
    "broker": {"name": "database", "alias": "other"},
    "store": {"name": "database", "alias": "default"},
    "outbox": {"alias": "default"},
}


@pytest.fixture
def place(make_site: Callable[..., Site]) -> Callable[..., Site]:
    """Make a site whose jobs are in another database than its data."""

    def make(**options: object) -> Site:
        site = make_site(options={"lease": 5, **ELSEWHERE, **options}, other=True)
        site.environ["CONVOY_SITE_OUTBOX"] = "1"
        site.run("migrate", "--verbosity", "0", "--database", "other")
        return site

    return make


def in_outbox(site: Site) -> int:
    return int(site.sql("SELECT count(*) FROM convoy_outbox")[0][0])


def on_redis() -> dict[str, object]:
    prefix = f"outbox{time.time_ns()}"
    return {"name": "redis", "url": os.environ["CONVOY_TEST_VALKEY"], "prefix": prefix}


def on_mongodb() -> dict[str, object]:
    uri = os.environ["CONVOY_TEST_MONGODB"]
    return {"name": "mongodb", "uri": uri, "database": f"outbox{time.time_ns()}"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broker", "least"),
    [
        pytest.param(lambda: ELSEWHERE["broker"], 12, id="another database"),
        pytest.param(on_redis, 5, id="redis", marks=pytest.mark.valkey),
        pytest.param(on_mongodb, 5, id="mongodb", marks=pytest.mark.mongodb),
    ],
)
def test_callers_killed_at_any_moment_lose_nothing_and_send_nothing_twice(
    place: Callable[..., Site], broker: Callable[[], dict[str, object]], least: int
) -> None:
    site, dice = place(broker=broker()), random.Random(5)
    tree = site.worker("--processes", "1")
    left = kills = 0
    while kills < least or (not left and kills < 60):  # on a busy machine it is harder to hit
        shopper = subprocess.Popen(
            [sys.executable, "-m", "tests.worker.project.shopper", str(kills * 100_000)],
            env=site.environ,
            cwd=site.folder,
        )
        before = len(site.journal("count"))
        wait_for(lambda seen=before: len(site.journal("count")) > seen, site.logs)
        time.sleep(dice.uniform(0, 0.15))
        shopper.kill()
        shopper.wait()
        left += in_outbox(site)
        kills += 1
    wait_for(lambda: not in_outbox(site) and not site.left(), site.logs)
    bought = sorted(row[0] for row in site.sql("SELECT number FROM testapp_note"))
    assert sorted(int(line[1]) for line in site.journal("count")) == bought
    assert left, f"none of {kills} kills came between a commit and its send"
    assert tree.stop() == 0


def test_a_delay_beyond_the_brokers_is_spent_in_the_outbox(place: Callable[..., Site]) -> None:
    broker = {"name": "tests.worker.project.brokers.Elsewhere", "max_delay": 2}
    site = place(broker=broker)
    job_id = site.enqueue("tests.app.tasks.add", 1, run_after=4)
    assert (in_outbox(site), site.left()) == (1, 0)
    site.worker("--processes", "1")
    site.wait_finished(job_id)
    assert in_outbox(site) == 0
    ((due, started),) = site.sql("SELECT due, started_at FROM convoy_history")
    assert datetime.fromisoformat(started) >= datetime.fromisoformat(due)
