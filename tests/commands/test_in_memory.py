"""A database in memory is this process's alone: a worker says so, and does not ask to migrate."""

import os
import subprocess
import sys

import pytest

from tests.commands.test_dispatch import ROOT

SETTINGS = """
SECRET_KEY = "only-for-tests"
USE_TZ = True
INSTALLED_APPS = [{apps}]
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": {name!r}}}}}
TASKS = {{"default": {{"BACKEND": "django_convoy.backend.ConvoyBackend"}}}}
"""


@pytest.mark.parametrize("name", [":memory:", "file:jobs?mode=memory&cache=shared"])
def test_a_worker_is_refused(tmp_path, settings, name):
    needed = [app for app in settings.INSTALLED_APPS if "convoy" in app or "tasks" in app]
    apps = ", ".join(map(repr, needed))
    (tmp_path / "in_memory.py").write_text(SETTINGS.format(apps=apps, name=name))
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-m", "django", "convoy", "worker", "--burst"],
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "in_memory", "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert answer.returncode == 1
    assert "database 'default' is in memory" in answer.stderr
    assert "Give it a file" in answer.stderr
    assert "migrate" not in answer.stderr
    assert "Traceback" not in answer.stderr
