"""Convoy's tables may be in another database: migrated there, by the router that is shipped."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from django_convoy.models import LiveJob
from django_convoy.router import ConvoyRouter, databases
from tests.app.models import Note

ROOT = Path(__file__).resolve().parent.parent.parent
ENQUEUE = "from tests.app.tasks import add; print(add.enqueue(1).id)"


def manage(folder, *arguments, **environ):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "django", *arguments],
        cwd=folder,
        env=os.environ
        | {
            "CONVOY_TEST_DIR": str(folder),
            "CONVOY_TEST_NAMES": "{}",
            "DJANGO_SETTINGS_MODULE": "tests.api.elsewhere_settings",
            "PYTHONPATH": str(ROOT),
        }
        | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def shell(folder, code, **environ):
    return manage(folder, "shell", "--verbosity=0", "-c", code, **environ)


def tables(path):
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name for (name,) in rows if name.startswith("convoy_")}
    finally:
        connection.close()


def test_the_tables_are_made_where_the_broker_says_and_nowhere_else(tmp_path):
    for flags in ([], ["--database", "jobs"]):
        answer = manage(tmp_path, "migrate", "--verbosity=0", *flags)
        assert answer.returncode == 0, answer.stderr
    assert tables(tmp_path / "site.sqlite3") == set()
    assert {"convoy_job", "convoy_history", "convoy_worker"} <= tables(tmp_path / "jobs.sqlite3")
    enqueued = shell(tmp_path, ENQUEUE)
    assert enqueued.returncode == 0, enqueued.stderr
    job_id = enqueued.stdout.split()[-1]
    shown = manage(tmp_path, "convoy", "job", job_id)
    assert "tests.app.tasks.add" in shown.stdout, shown.stderr
    orm = "from django_convoy.models import LiveJob; print(LiveJob.objects.get().pk)"
    assert shell(tmp_path, orm).stdout.split()[-1] == job_id
    doctor = manage(tmp_path, "convoy", "doctor")
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    assert "all migrations are applied in 'jobs'" in doctor.stdout


def test_missing_tables_are_a_sentence_that_says_what_to_run(tmp_path):
    assert manage(tmp_path, "migrate", "--verbosity=0").returncode == 0
    answer = shell(tmp_path, ENQUEUE)
    assert "run `manage.py migrate --database jobs`" in answer.stderr
    assert "ConfigurationError" in answer.stderr
    status = manage(tmp_path, "convoy", "status")
    assert status.returncode == 1
    assert status.stderr.strip().endswith("run `manage.py migrate --database jobs`")
    assert "Traceback" not in status.stderr
    doctor = manage(tmp_path, "convoy", "doctor")
    assert doctor.returncode == 1
    assert "not applied in 'jobs': convoy.0001_initial" in doctor.stdout
    assert "Traceback" not in doctor.stderr


def test_a_database_that_is_not_there_is_a_sentence(tmp_path):
    answer = manage(tmp_path, "convoy", "status", JOBS_ALIAS="nowhere")
    assert answer.returncode == 1
    assert "there is no database 'nowhere' in DATABASES" in answer.stderr
    assert "Traceback" not in answer.stderr


BACKEND = "django_convoy.backend.ConvoyBackend"


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ({}, ["default"]),
        ({"default": {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}}, ["default"]),
        ({"default": {"BACKEND": BACKEND}}, ["default"]),
        (
            {
                "default": {
                    "BACKEND": BACKEND,
                    "OPTIONS": {"broker": {"name": "database", "alias": "x"}},
                }
            },
            ["x"],
        ),
        (
            {
                "a": {"BACKEND": "mine.Backend", "OPTIONS": {"broker": "database"}},
                "default": {
                    "BACKEND": BACKEND,
                    "OPTIONS": {
                        "broker": {"name": "database", "alias": "x"},
                        "store": {"name": "database", "alias": "y"},
                    },
                },
            },
            ["x", "y", "default"],
        ),
        ({"default": {"BACKEND": BACKEND, "OPTIONS": {"brokr": 1}}}, ["default"]),
    ],
)
def test_the_router_follows_the_settings(settings, entries, found):
    settings.TASKS = entries
    assert databases() == found
    router = ConvoyRouter()
    assert router.db_for_read(LiveJob) == router.db_for_write(LiveJob) == found[0]
    assert [router.allow_migrate(alias, "convoy") for alias in found] == [True] * len(found)
    assert router.allow_migrate("elsewhere", "convoy") is False
    row = LiveJob()
    row._state.db = found[-1]
    assert router.db_for_write(LiveJob, instance=row) == found[-1]


def test_the_router_says_nothing_about_other_apps():
    router = ConvoyRouter()
    assert router.db_for_read(Note) is router.db_for_write(Note) is None
    assert router.allow_migrate("default", "auth") is None
