"""`convoy doctor` finds what is wrong, and says what to do about it."""

import importlib
import re
from datetime import timedelta

import pytest

from django_convoy import task
from django_convoy.domain.errors import BrokerUnavailable
from django_convoy.insight import database
from django_convoy.insight.database import SQLiteModes
from django_convoy.insight.health import slots
from django_convoy.runtime import runtime_of
from tests.api.tasks import add
from tests.commands.test_status import BLIND, MEMORY, report, use

pytestmark = pytest.mark.django_db


def about(answer, subject):
    return [
        (one["level"], one["text"]) for one in answer.data["findings"] if one["about"] == subject
    ]


@pytest.mark.parametrize("options", [{}, MEMORY], ids=["database", "memory"])
def test_a_sound_site(convoy, settings, options):
    use(settings, **options)
    report(queues="*")
    answer = convoy("doctor", "--json")
    assert answer.status == 0
    assert {one["level"] for one in answer.data["findings"]} == {"fine"}
    assert {one["about"] for one in answer.data["findings"]} >= {
        "settings",
        "database",
        "tables",
        "clocks",
        "broker",
        "queues",
        "workers",
        "keys",
    }
    text = convoy("doctor").out
    assert "a probe was pushed, claimed and settled" in text
    assert "Capability" in text
    assert runtime_of("default").shared.broker.queues() == {}


def test_what_a_broker_can_do(convoy):
    capabilities = convoy("doctor", "--json").data["capabilities"]["default"]
    assert capabilities["transactional"] == "default"
    assert capabilities["fencing"] is True


def test_a_probe_leaves_waiting_jobs_alone(convoy):
    result = add.enqueue(1)
    convoy("doctor")
    held = runtime_of("default").shared.broker.find(result.id)
    assert (held.state, held.attempt) == ("ready", 0)


def test_a_warning_of_the_settings(convoy, settings):
    use(settings, accept=["pickle"])
    answer = convoy("doctor", "--json")
    assert answer.status == 0
    ((level, text),) = about(answer, "settings")
    assert level == "warning"
    assert "pickle is accepted" in text


@task(timeout=5)
def timed():
    pass


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, None),
        ({"worker": {"threads": 0}, "task": {"timeout": 5}}, None),
        ({"worker": {"threads": 4}}, f"threads=4.*{__name__}.timed.*worker --threads 0"),
        ({"worker": {"concurrency": 9}}, f"concurrency=9.*{__name__}.timed.*worker --async 0"),
        ({"worker": {"threads": 4, "timeout": 9}}, "With a timeout: by default all, "),
        ({"worker": {"threads": 4}, "task": {"timeout": 9}}, "With a timeout: by default all, "),
    ],
)
def test_tasks_with_hard_timeouts_belong_on_process_slots(convoy, settings, options, words):
    use(settings, **options)
    answer = convoy("doctor", "--json")
    assert answer.status == 0
    found = about(answer, "slots")
    assert len(found) == (words is not None)
    for level, text in found:
        assert level == "warning"
        assert text.startswith("tasks with hard timeouts belong on process slots")
        assert re.search(words, text)


def test_slots_are_fine_without_timeouts():
    assert not list(slots("threads=4", "--threads", []))


def test_tasks_that_cannot_be_loaded_are_told(convoy, settings, monkeypatch):
    use(settings, worker={"threads": 4})
    monkeypatch.setattr(
        "django_convoy.management.subcommands.doctor.autodiscover_modules",
        lambda name: importlib.import_module("there.is.none"),
    )
    answer = convoy("doctor", "--json")
    assert answer.status == 1
    assert "cannot be loaded: ModuleNotFoundError" in about(answer, "slots")[0][1]


def test_jobs_that_no_worker_serves(convoy):
    report(queues="mail")
    report("gone", queues="default", seconds=500)
    add.enqueue(1)
    answer = convoy("doctor", "--json")
    ((level, text),) = about(answer, "queues")
    assert level == "warning"
    assert "no living worker serves them: default" in text
    assert ("warning", "gone on host (pid 11) last reported 8 min 20 s ago") in about(
        answer, "workers"
    )


@pytest.mark.parametrize("options", [{}, MEMORY], ids=["database", "memory"])
def test_keys(convoy, settings, options):
    use(settings, **options)
    current, fallback = "current-" * 6, "fallback-" * 6
    old = settings.SECRET_KEY
    broker = runtime_of("default").shared.broker
    add.enqueue_many([1, 2])
    settings.SECRET_KEY = fallback
    add.enqueue(3)
    rows = [*broker.jobs(), *runtime_of("default").shared.broker.jobs()]
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = current, [fallback]
    if options:
        runtime_of("default").shared.broker.push([row.envelope for row in rows])
    answer = convoy("doctor", "--json")
    assert answer.status == 1
    found = about(answer, "keys")
    assert [level for level, _ in found] == ["fine", "fine", "error"]
    assert found[0][1].startswith("0 live jobs signed with the current key")
    assert found[1][1].startswith("1 live job signed with the fallback key")
    assert "2 live jobs signed with" in found[2][1]
    assert "Put the old key into SECRET_KEY_FALLBACKS" in found[2][1]
    settings.SECRET_KEY_FALLBACKS = [fallback, old]
    assert convoy("doctor").status == 0


def test_a_fallback_that_nobody_needs(convoy, settings):
    settings.SECRET_KEY_FALLBACKS = ["fallback-" * 6]
    found = about(convoy("doctor", "--json"), "keys")
    assert found[1][0] == "notice"
    assert "it may go" in found[1][1]


@pytest.mark.parametrize("options", [{}, MEMORY], ids=["database", "memory"])
def test_jobs_that_wait_for_newer_code(convoy, settings, run_jobs, monkeypatch, options):
    use(settings, **options)
    add.enqueue_many([1, 2])
    with monkeypatch.context() as patch:
        patch.delattr("tests.api.tasks.add")
        run_jobs()
    ((level, text),) = about(convoy("doctor", "--json"), "waiting")
    assert level == "warning"
    assert text.startswith("2 jobs: waits for a worker with newer code: tests.api.tasks.add")


def test_a_broker_that_cannot_list_is_looked_at_as_far_as_it_goes(convoy, settings):
    use(settings, **BLIND)
    answer = convoy("doctor", "--json")
    assert answer.status == 0
    assert about(answer, "queues") == [("notice", "this broker cannot list its queues")]
    assert about(answer, "broker")[0][0] == "fine"


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_does_not_answer(convoy, monkeypatch):
    def refuse(self, envelopes):
        raise BrokerUnavailable("nobody there")

    monkeypatch.setattr("django_convoy.brokers.database.DatabaseBroker.push", refuse)
    answer = convoy("doctor", "--json")
    assert answer.status == 1
    assert ("error", "nobody there") in about(answer, "broker")


def test_a_broker_that_loses_jobs(convoy, monkeypatch):
    monkeypatch.setattr(
        "django_convoy.brokers.database.DatabaseBroker.push", lambda self, envelopes: None
    )
    monkeypatch.setattr("django_convoy.insight.probe.WAIT", 0)
    answer = convoy("doctor", "--json")
    assert ("error", "a job that was pushed could not be claimed") in about(answer, "broker")


def test_missing_migrations_are_named(convoy, monkeypatch):
    monkeypatch.setattr(
        "django_convoy.insight.health.database.missing_migrations", lambda alias: ["convoy.0002_x"]
    )
    answer = convoy("doctor", "--json")
    assert answer.status == 1
    ((level, text),) = about(answer, "tables")
    assert level == "error"
    assert text == "not applied in 'default': convoy.0002_x. Run `manage.py migrate`"
    monkeypatch.undo()
    assert database.missing_migrations("default") == []


def test_clocks_that_differ(convoy, monkeypatch):
    monkeypatch.setattr(
        "django_convoy.insight.health.clocks.difference", lambda alias: timedelta(seconds=-90)
    )
    ((level, text),) = about(convoy("doctor", "--json"), "clocks")
    assert level == "warning"
    assert "1 min 30 s behind this host's" in text


SOUND = {
    "journal": "wal",
    "synchronous": "normal",
    "transactions": "IMMEDIATE",
    "timeout": 20.0,
    "memory": False,
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"memory": True}, "only this process sees its jobs"),
        ({"journal": "delete"}, "PRAGMA journal_mode=WAL"),
        ({"synchronous": "full"}, "may lose the last commits when the power fails"),
        ({"synchronous": "off"}, "can damage the file"),
        ({"transactions": "DEFERRED"}, "database is locked"),
        ({"timeout": 5.0}, "Use 20"),
    ],
)
def test_advice_for_sqlite(change, words):
    found = SQLiteModes(**SOUND | change).advice()
    assert len(found) == bool(words)
    assert words in "".join(found)
