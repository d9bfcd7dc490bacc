"""What `convoy worker` makes of its flags and of OPTIONS["worker"], before anything runs."""

import pytest
from django.core.management import CommandError

from django_convoy.management.commands.convoy import Adapter, load
from django_convoy.management.subcommands.worker import make_plan
from django_convoy.runtime import runtime_of
from tests.commands.test_status import use


def plan(*flags):
    parser = Adapter(load("worker")).create_parser("manage.py", "convoy worker")
    return make_plan(runtime_of("default"), vars(parser.parse_args(flags)))


@pytest.mark.parametrize(
    ("setting", "flags", "expected"),
    [
        ({}, [], (0, 0)),
        ({"threads": 2}, [], (2, 0)),
        ({"threads": 2}, ["--threads", "3"], (3, 0)),
        ({"threads": 2}, ["--async", "5"], (0, 5)),
        ({"concurrency": 5}, ["--threads", "2"], (2, 0)),
        ({"concurrency": 5}, ["--async", "0"], (0, 0)),
        ({"concurrency": 5}, ["--threads", "0"], (0, 5)),
    ],
)
def test_a_flag_comes_before_a_setting_of_another_kind(settings, setting, flags, expected):
    use(settings, worker=setting)
    made = plan(*flags)
    assert (made.threads, made.concurrency) == expected


@pytest.mark.parametrize(
    ("setting", "flags", "fires"),
    [
        ({}, [], True),
        ({}, ["--no-schedules"], False),
        ({"scheduler": False}, [], False),
        ({"scheduler": False}, ["--no-schedules"], False),
    ],
)
def test_a_tree_may_be_told_to_fire_no_schedules(settings, setting, flags, fires):
    use(settings, worker=setting)
    assert plan(*flags).schedules is fires


def test_flags_that_contradict_each_other_are_refused():
    with pytest.raises(CommandError, match="--threads and --async exclude each other"):
        plan("--threads", "2", "--async", "5")


@pytest.mark.parametrize("setting", [{}, {"affinity": 1}])
def test_affinity_is_refused_where_processes_cannot_choose_their_cpus(
    settings, monkeypatch, setting
):
    use(settings, worker=setting)
    monkeypatch.delattr("os.sched_setaffinity", raising=False)
    with pytest.raises(CommandError, match="--affinity: this platform does not let a process"):
        plan(*(() if setting else ("--affinity", "1")))
