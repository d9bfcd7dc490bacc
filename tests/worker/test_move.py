"""`convoy move` takes each job to the other backend exactly once, however often it is killed.

Where nobody can tell what a target had, it leaves what is in doubt, and says so.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.worker import test_ironmq, test_sqs
from tests.worker.site import Site, wait_for

JOBS, PARKED, KILLS = 800, 40, 4
BACKEND = {"BACKEND": "django_convoy.backend.ConvoyBackend", "QUEUES": []}
ELSEWHERE = "tests.worker.project.brokers.Elsewhere"
DIRECTIONS = {
    "to another database": ({"name": "database"}, {"name": "database", "alias": "other"}),
    "from a broker that parks": ({"name": ELSEWHERE, "max_delay": 900}, {"name": "database"}),
    "to a broker that parks": ({"name": "database"}, {"name": ELSEWHERE, "max_delay": 900}),
}


def ids_in(site: Site, alias: str) -> list[str]:
    """The ids of all jobs that a backend has, in its broker and in its outbox."""
    found: list[str] = site._ask("ids", alias)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_move_may_be_killed_at_any_moment_and_goes_on(
    make_site: Callable[..., Site], direction: str
) -> None:
    source, target = DIRECTIONS[direction]
    outbox = {"alias": "default"}
    site = make_site(
        options={"broker": source, "lease": 2, "outbox": outbox, "namespace": "red"},
        backends={
            "target": {
                **BACKEND,
                "OPTIONS": {"broker": target, "outbox": outbox, "namespace": "blue"},
            }
        },
        other=True,
    )
    site.environ["CONVOY_SITE_OUTBOX"] = "1"
    site.run("migrate", "--verbosity", "0", "--database", "other")
    wanted = site.enqueue_many("count", [[number] for number in range(JOBS)])
    wanted += site.enqueue_many("count", [[number] for number in range(PARKED)], run_after=3600)
    wanted += site.enqueue_many("count", [[number] for number in range(PARKED)], run_after=60)
    command = ["convoy", "move", "--from", "default", "--to", "target", "--batch", "20"]
    dice = random.Random(7)
    for _ in range(KILLS):
        before = len(ids_in(site, "target"))
        mover = subprocess.Popen(
            [sys.executable, "-m", "django", *command], env=site.environ, cwd=site.folder
        )
        wait_for(
            lambda seen=before, one=mover: (
                one.poll() is not None or len(ids_in(site, "target")) > seen
            ),
            "the move to begin",
        )
        time.sleep(dice.uniform(0, 0.1))
        mover.kill()
        mover.wait()
    left = len(ids_in(site, "default"))
    assert f"{left} jobs moved" in site.run(*command)
    assert left, "it was over before the last kill: give it more to do"
    assert ids_in(site, "default") == []
    assert ids_in(site, "target") == sorted(wanted)


def redis() -> dict[str, Any]:
    prefix = f"move{time.time_ns()}"
    url = os.environ["CONVOY_TEST_VALKEY"]
    return {"name": "redis", "url": url, "delivery": "at_most_once", "prefix": prefix}


def mongodb() -> dict[str, Any]:
    uri = os.environ["CONVOY_TEST_MONGODB"]
    return {"name": "mongodb", "uri": uri, "database": f"move{time.time_ns()}"}


def disque() -> dict[str, Any]:
    return {"name": "disque", "nodes": [os.environ["CONVOY_TEST_DISQUE"]], "retry": 2}


def ironmq() -> dict[str, Any]:
    url = os.environ["CONVOY_TEST_IRONMQ"]
    return {**test_ironmq.options(url), "project_id": f"move{time.time_ns()}"}


def sqs() -> dict[str, Any]:
    return test_sqs.broker(os.environ["CONVOY_TEST_SQS"], wait=1)


SQLITE = {"name": "database"}
READY, BATCH = 15, 5
ASKED = {
    "from Redis at most once": ("valkey", redis, None),
    "from SQS": ("sqs", sqs, None),
    "from Disque": ("disque", disque, None),
    "to MongoDB": ("mongodb", None, mongodb),
}
UNASKED = {
    "to SQS": ("sqs", None, sqs),
    "to IronMQ": ("ironmq", None, ironmq),
}


def marked(directions: dict[str, Any]) -> list[Any]:
    return [
        pytest.param(source, target, id=name, marks=[getattr(pytest.mark, mark)])
        for name, (mark, source, target) in directions.items()
    ]


Broker = Callable[[], dict[str, Any]] | None


@pytest.fixture
def ways(make_site: Callable[..., Site]) -> Callable[[Broker, Broker], Site]:
    """Make a site with a backend to move from, and another to move to."""

    def make(source: Broker, target: Broker) -> Site:
        given = {"lease": 2, "broker": source() if source else SQLITE, "store": "database"}
        other = {"namespace": "blue", "broker": target() if target else SQLITE, "store": "database"}
        backends = {"target": {**BACKEND, "QUEUES": ["default"], "OPTIONS": other}}
        return make_site(queues=["default"], options=given, backends=backends)

    return make


def move(site: Site, *flags: str, dies: str = "") -> tuple[int, str]:
    """Run the command; return its status, and what it said."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "django", "convoy", "move"),
            *("--from", "default", "--to", "target", "--batch", str(BATCH), *flags),
        ],
        env={**site.environ, "CONVOY_SITE_MOVE_DIES": dies},
        cwd=site.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def die_twice(site: Site) -> None:
    """Once with a batch that is not sent, and once with one that is."""
    for moment in ("before 1", "after 2"):
        status, told = move(site, dies=moment)
        assert status == -signal.SIGKILL, told


def enqueue(site: Site) -> list[str]:
    task = "tests.worker.project.once.count_once"
    wanted = site.enqueue_many(task, [[number] for number in range(READY)])
    return sorted(wanted)


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), marked(ASKED))
def test_a_move_that_dies_loses_nothing_and_doubles_nothing(
    ways: Callable[..., Site], source: Broker, target: Broker
) -> None:
    site = ways(source, target)
    wanted = enqueue(site)
    die_twice(site)
    status, told = move(site)
    assert status == 0, told
    assert sorted(site._ask("drain", "target")) == wanted
    assert site._ask("drain", "default") == []


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), marked(UNASKED))
def test_what_may_have_been_sent_to_one_that_cannot_be_asked_is_left_and_named(
    ways: Callable[..., Site], source: Broker, target: Broker
) -> None:
    site = ways(source, target)
    wanted = enqueue(site)
    die_twice(site)
    for _ in range(2):
        status, told = move(site)
        assert status == 1, told
        assert f"{2 * BATCH} jobs stayed: they may have been sent to 'target'" in told
    first = site._ask("drain", "target")
    assert len(first) == len(set(first)) == 2 * BATCH
    status, told = move(site, "--resend")
    assert status == 0, told
    again = site._ask("drain", "target")
    assert len(again) == 2 * BATCH
    assert sorted({*first, *again}) == wanted
    assert site._ask("drain", "default") == []
    assert site.sql("SELECT * FROM convoy_outbox") == []
