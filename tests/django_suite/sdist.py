"""Gets the tests of the installed Django out of its source distribution, once per version."""

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NoReturn

import django
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = Path(os.environ.get("CONVOY_TEST_CACHE", ROOT / ".envs")) / "django-suite"
PACKAGE = "tasks"


def install() -> None:
    """Make `import tasks.test_tasks` work, or leave the module that is being collected."""
    if django.VERSION < (6, 0):
        pytest.skip("Django 5.2 has no tests of tasks: they came with 6.0", allow_module_level=True)
    version = django.get_version()
    folder = CACHE / version
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the processes of pytest-xdist collect at once
        if not (folder / PACKAGE).is_dir():
            fetch(version, folder)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def fetch(version: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        temporary = Path(name)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-binary", ":all:", "--dest", name, f"django=={version}"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        found = sorted(temporary.glob("*.tar.gz"))
        if answer.returncode or not found:
            missing(f"the sdist of Django {version} could not be fetched: {answer.stderr[-300:]}")
        with tarfile.open(found[0]) as archive:
            inside = f"{archive.getnames()[0].partition('/')[0]}/tests/{PACKAGE}/"
            members = [one for one in archive if one.name.startswith(inside)]
            archive.extractall(temporary, members, filter="data")
        folder.mkdir(exist_ok=True)
        shutil.move(temporary / inside, folder / PACKAGE)


def missing(reason: str) -> NoReturn:
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)
