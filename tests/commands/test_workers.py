"""`convoy workers` lists supervisors and tells them to stop."""

import pytest
from django.core.management import CommandError

from django_convoy.management.subcommands import workers
from django_convoy.models import WorkerProcess
from tests.commands.test_status import report

pytestmark = pytest.mark.django_db


def told():
    return set(WorkerProcess.objects.filter(command="stop").values_list("id", flat=True))


def test_workers_are_listed(convoy):
    report("web-1")
    assert convoy("workers").row("web-1")
    assert [one["name"] for one in convoy("workers", "--json").data] == ["web-1"]


def test_one_is_told_by_name_or_id_or_host(convoy):
    report("a", name="front", host="h1")
    report("b", name="back", host="h2")
    report("c", backend="elsewhere")
    for name, ids in [("front", {"a"}), ("b", {"b"}), ("h2", {"b"})]:
        WorkerProcess.objects.update(command="")
        assert convoy("workers", "stop", name).out.startswith("Told to stop: ")
        assert told() == ids


def test_all_of_a_backend_are_told(convoy):
    report("a")
    report("b")
    report("c", backend="elsewhere")
    convoy("workers", "stop", "--all")
    assert told() == {"a", "b"}


def test_a_name_that_is_not_there_is_a_sentence(convoy):
    report("web-1")
    with pytest.raises(CommandError, match="no worker 'web-2'; there is: web-1"):
        convoy("workers", "stop", "web-2")
    assert told() == set()


def test_a_silent_one_may_not_hear(convoy):
    report("web-1", seconds=500)
    assert "is silent: it may not hear this" in convoy("workers", "stop", "--all").err


def test_waiting_ends_when_they_took_themselves_off_the_list(convoy, monkeypatch):
    report("a")
    report("b")
    looks = []

    def pause(seconds):
        looks.append(told())
        WorkerProcess.objects.filter(id=sorted(told())[0]).delete()

    monkeypatch.setattr(workers.time, "sleep", pause)
    assert "Stopped: 2." in convoy("workers", "stop", "--all", "--wait").out
    assert looks == [{"a", "b"}, {"b"}]


def test_waiting_ends_when_the_rest_is_silent(convoy):
    report("a", seconds=500)
    answer = convoy("workers", "stop", "a", "--wait", "--json")
    assert answer.data == {"told": ["a"], "silent": ["a"]}
    assert "without saying that it stopped" in answer.err
