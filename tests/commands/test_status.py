"""`convoy status` and `convoy queues` show how a backend stands."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.core.management import CommandError

from django_convoy.domain import clock
from django_convoy.models import WorkerProcess
from tests.api.tasks import add, fail, rich

MEMORY = {"broker": "tests.commands.memory.MemoryBroker", "enqueue": "now"}
BLIND = {"broker": "tests.commands.memory.BlindBroker", "enqueue": "now"}


def use(settings, **options):
    settings.TASKS = {"default": {**settings.TASKS["default"], "OPTIONS": options}}


def report(key="web-1", seconds=1, using="default", **changes):
    """A supervisor that reported some seconds ago."""
    now = clock.now()
    workers = [{"id": "x", "pid": 12, "jobs": 3, "running": [{"id": "j", "task": "t"}]}]
    values = {
        "id": key,
        "backend": "default",
        "name": key,
        "host": "host",
        "pid": 11,
        "queues": "default",
        "version": "1",
        "started_at": now - timedelta(hours=1),
        "seen_at": now - timedelta(seconds=seconds),
        "state": "running",
        "report": json.dumps({"workers": workers}),
    }
    return WorkerProcess.objects.using(using).create(**values | changes)


@pytest.mark.django_db
@pytest.mark.parametrize("options", [{}, MEMORY])
def test_queues_are_counted_whatever_the_broker(convoy, settings, options):
    use(settings, **options)
    add.enqueue_many([1, 2, 3])
    add.using(run_after=timedelta(hours=1)).enqueue(1)
    rich.enqueue("x")
    shown = convoy("status")
    assert shown.row("default")[:5] == ["default", "3", "1", "0", "0"]
    found = {one["name"]: one for one in convoy("queues", "--json").data}
    assert (found["default"]["ready"], found["default"]["delayed"]) == (3, 1)
    assert found["mail"]["ready"] == 1
    assert found["mail"]["oldest_waiting"] >= 0


@pytest.mark.django_db
def test_the_oldest_job_that_waits_has_its_age(convoy):
    with time_machine.travel(clock.now() - timedelta(minutes=3), tick=False):
        add.enqueue(1)
    add.enqueue(2)
    assert convoy("queues").row("default")[-1].startswith("3 min")


@pytest.mark.django_db
def test_a_declared_queue_is_shown_when_it_is_empty(convoy, settings):
    backend = settings.TASKS["default"] | {"QUEUES": ["default", "mail"]}
    settings.TASKS = {"default": backend}
    assert [one["name"] for one in convoy("queues", "--json").data] == ["default", "mail"]


@pytest.mark.django_db
def test_another_namespaces_queues_are_not_shown(convoy, settings):
    add.enqueue(1)
    use(settings, namespace="red")
    assert convoy("queues", "--json").data == []
    assert "No queue has jobs." in convoy("status").out


def test_what_ended_lately_and_what_failed(convoy, run_jobs):
    add.enqueue(1)
    fail.enqueue("x")
    run_jobs()
    shown = convoy("status", "--json").data
    assert shown["rate"]["by_status"] == {"SUCCESSFUL": 1, "FAILED": 1}
    assert shown["failures"] == 1
    text = convoy("status").out
    assert "1 failed, 1 successful (0.4 per minute)" in text
    assert "convoy retry --failed" in text


@pytest.mark.django_db
def test_a_store_without_a_table_has_no_rates(convoy, settings):
    use(settings, store="none")
    shown = convoy("status")
    assert "there are no rates" in shown.out
    assert convoy("status", "--json").data["rate"] is None


@pytest.mark.django_db
def test_a_broker_that_cannot_list_is_a_sentence(convoy, settings):
    use(settings, **BLIND)
    for subcommand in ("status", "queues"):
        with pytest.raises(CommandError, match=r"\(BlindBroker\) cannot list its jobs"):
            convoy(subcommand)


@pytest.mark.django_db
def test_workers_are_shown_with_their_last_report(convoy):
    report()
    report("web-2", seconds=300)
    report("other", backend="elsewhere")
    assert convoy("status").row("web-1")[:7] == [
        "web-1",
        "host",
        "11",
        "default",
        "1",
        "1",
        "running",
    ]
    assert "silent (was running)" in convoy("status").row("web-2")
    found = {one["name"]: one["silent"] for one in convoy("status", "--json").data["workers"]}
    assert found == {"web-1": False, "web-2": True}


@pytest.mark.django_db
def test_a_report_that_cannot_be_read_does_no_harm(convoy):
    report(report="not json")
    assert convoy("status").row("web-1")
    assert convoy("workers", "--json").data[0]["report"] == {}


@pytest.mark.django_db
def test_no_worker_at_all_says_how_to_start_one(convoy):
    assert "manage.py convoy worker" in convoy("status").out
