"""Jobs of three megabytes on brokers that take less, with workers that fail and die."""

import base64
import hashlib
import os
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.worker.site import Site, kill, wait_for

LARGE = base64.b64encode(random.Random(1).randbytes(2_300_000)).decode()
DIGEST = hashlib.sha256(LARGE.encode()).hexdigest()


def _in_another_database() -> dict[str, Any]:
    return {"name": "tests.worker.project.brokers.Elsewhere", "max_body": 2**20}


def _on_ironmq() -> dict[str, Any]:
    parts = urlsplit(os.environ["CONVOY_TEST_IRONMQ"])
    where = {"host": parts.hostname, "port": parts.port, "protocol": "http"}
    project = f"spill{time.time_ns()}"
    return {"name": "ironmq", "project_id": project, "token": "token", "poll": 1, **where}


def _on_mongodb() -> dict[str, Any]:
    name, database = "tests.worker.project.small_mongo.SmallMongo", f"spill{time.time_ns()}"
    return {"name": name, "uri": os.environ["CONVOY_TEST_MONGODB"], "database": database}


def _on_sqs() -> dict[str, Any]:
    return {
        "name": "sqs",
        "endpoint_url": os.environ["CONVOY_TEST_SQS"],
        "region": "eu-west-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "prefix": f"t{time.time_ns()}-",
        "wait": 2,
    }


DATABASE = pytest.param(_in_another_database, (), id="database")
THREADS = pytest.param(_in_another_database, ("--threads", "2"), id="threads")
LOOP = pytest.param(_in_another_database, ("--async", "2"), id="async")
SQS = pytest.param(_on_sqs, (), id="sqs", marks=pytest.mark.sqs)
IRONMQ = pytest.param(_on_ironmq, (), id="ironmq", marks=pytest.mark.ironmq)
MONGODB = pytest.param(_on_mongodb, (), id="mongodb", marks=pytest.mark.mongodb)
everywhere = pytest.mark.parametrize(
    ("broker", "flags"), [DATABASE, THREADS, LOOP, SQS, IRONMQ, MONGODB]
)
on_both_kinds = pytest.mark.parametrize(("broker", "flags"), [DATABASE, SQS])


@pytest.fixture
def place(broker: Callable[[], Any], make_site: Callable[..., Site]) -> Site:
    options = {
        "broker": broker(),
        "store": {"name": "database", "alias": "default"},
        "outbox": {"alias": "default", "spill": True},
        "lease": 5 if broker is not _on_ironmq else 30,
    }
    site = make_site(options=options, other=True, queues=["default"])
    site.environ["CONVOY_SITE_OUTBOX"] = "1"
    site.run("migrate", "--verbosity", "0", "--database", "other")
    return site


def spilled(site: Site) -> int:
    return int(site.sql("SELECT count(*) FROM convoy_spilled")[0][0])


def ended(site: Site, job_id: str) -> dict[str, Any]:
    wait_for(partial(site.sql, "SELECT 1 FROM convoy_history WHERE id = %s", job_id), site.logs)
    wait_for(lambda: not spilled(site), site.logs)
    return site.result(job_id)


@everywhere
def test_it_runs_with_its_argument_and_once_more_after_a_failure(
    place: Site, flags: tuple[str, ...]
) -> None:
    job_id = place.enqueue("weigh", LARGE, "me", 2, retries=3, backoff=0.1)
    assert spilled(place) == 1
    tree = place.worker("--processes", "1", *flags)
    found = ended(place, job_id)
    assert (found["status"], found["attempts"], found["value"]) == ("SUCCESSFUL", 2, DIGEST)
    assert [line[3] for line in place.journal("weigh")] == [str(len(LARGE))] * 2
    length = place.sql("SELECT length(payload) FROM convoy_history WHERE id = %s", job_id)[0][0]
    assert length > 2**20
    assert tree.stop() == 0


@on_both_kinds
def test_transactions_decide_whether_it_is_there(place: Site, flags: tuple[str, ...]) -> None:
    place.enqueue_in_transaction("weigh", [[LARGE, "no"]], commit=False)
    assert (spilled(place), place.left()) == (0, 0)
    place.enqueue_in_transaction("weigh", [[LARGE, "yes"]], commit=True)
    assert spilled(place) == 1
    assert place.sql("SELECT count(*) FROM convoy_outbox") == [[0]]
    place.worker("--processes", "1", *flags)
    place.wait_journal("weigh", "yes")
    wait_for(lambda: not spilled(place) and not place.left(), place.logs)
    assert place.sql("SELECT status FROM convoy_history") == [["SUCCESSFUL"]]
    assert not place.journal("weigh", "no")


@on_both_kinds
def test_a_worker_that_is_killed_while_it_runs_leaves_it_to_another(
    place: Site, flags: tuple[str, ...]
) -> None:
    job_id = place.enqueue("weigh", LARGE, "me", 1, 60)
    place.worker("--processes", "1", *flags)
    ((*_, pid),) = place.wait_journal("weigh")
    kill(int(pid))
    found = ended(place, job_id)
    assert (found["status"], found["attempts"], found["value"]) == ("SUCCESSFUL", 2, DIGEST)


@on_both_kinds
def test_at_most_once_leaves_nothing_either(place: Site, flags: tuple[str, ...]) -> None:
    job_id = place.enqueue("weigh_once", LARGE, "me")
    place.worker("--processes", "1", *flags)
    assert ended(place, job_id)["value"] == DIGEST


@on_both_kinds
def test_options_of_the_job_itself_are_heeded_when_its_worker_dies(
    place: Site, flags: tuple[str, ...]
) -> None:
    job_id = place.enqueue("weigh", LARGE, "me", 1, 60, crash_budget=1)
    place.worker("--processes", "1", *flags)
    ((*_, pid),) = place.wait_journal("weigh")
    kill(int(pid))
    assert ended(place, job_id)["status"] == "FAILED"
    asked = "SELECT status, length(payload) FROM convoy_history WHERE id = %s"
    ((status, length),) = place.sql(asked, job_id)
    assert status == "QUARANTINED"
    assert length > 2**20
