"""The subcommands work on every database that Convoy's tables may be in."""

import pytest

from django_convoy.runtime import runtime_of
from tests.api.tasks import add, fail
from tests.commands.test_status import report
from tests.databases import on_each_database
from tests.working import work


@pytest.fixture
def site(settings, alias):
    options = {
        "broker": {"name": "database", "alias": alias},
        "outbox": {"alias": alias},  # the test may not look into another database
        "namespace": "red",
    }
    settings.TASKS = {"default": {**settings.TASKS["default"], "OPTIONS": options}}
    return runtime_of("default")


@on_each_database
def test_a_job_is_enqueued_shown_cancelled_retried_and_purged(site, convoy):
    job_id = convoy("enqueue", "tests.api.tasks.add", "1", "b=2", "--at", "+1h").out.strip()
    shown = convoy("jobs", "--json").data
    assert [(one["id"], one["state"]) for one in shown["live"]] == [(job_id, "delayed")]
    convoy("retry", job_id)
    assert convoy("queues", "--json").data[0]["ready"] == 1
    convoy("cancel", job_id)
    assert convoy("job", job_id, "--json").data["state"] == "CANCELLED"
    convoy("retry", job_id)
    assert work() == [job_id]
    assert convoy("job", job_id, "--json").data["result"] == 3
    add.enqueue_many([1, 2, 3])
    assert convoy("cancel", "--queue", "default", "--json").data["cancelled"] == 3
    add.enqueue(4)
    assert convoy("purge", "default", "--no-input", "--json").data["deleted"] == 1
    deleted = convoy("purge", "--finished", "--older-than", "0s", "--no-input", "--json").data
    assert deleted == {"deleted": 4}


@on_each_database
def test_status_and_doctor(site, convoy, alias):
    report(using=alias)
    fail.enqueue("x")
    add.enqueue(1)
    work()
    add.enqueue(2)
    status = convoy("status", "--json").data
    assert status["rate"]["by_status"] == {"FAILED": 1, "SUCCESSFUL": 1}
    assert status["failures"] == 1
    assert [(one["name"], one["silent"]) for one in status["workers"]] == [("web-1", False)]
    doctor = convoy("doctor", "--json")
    assert doctor.status == 0
    found = {one["about"]: one["level"] for one in doctor.data["findings"]}
    for about in ("database", "tables", "clocks", "broker", "queues", "workers", "keys"):
        assert found[about] == "fine", about
    assert convoy("retry", "--failed", "--json").data["refused"] == {}


@on_each_database
def test_workers_are_told_to_stop(site, convoy, alias):
    row = report(using=alias)
    convoy("workers", "stop", "--all")
    row.refresh_from_db()
    assert row.command == "stop"
