"""Gives the test run its servers: a pytest plugin, loaded with `-p` because settings come early.

`CONVOY_TEST_SERVERS` names those to start: all of `NAMES` unless told, or "none".
`CONVOY_TEST_POSTGRES` and the like are their URLs; one that is given is used as is. A browser
counts as one: `CONVOY_TEST_BROWSER` is its path.
"""

import atexit
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.recipes import PROGRAMS, RECIPES

NAMES = (*RECIPES, *PROGRAMS)
_launcher: tuple[int, subprocess.Popen[str]] | None = None


def variable(name: str) -> str:
    return f"CONVOY_TEST_{name.upper()}"


def start() -> None:
    """Once per run: processes that the run starts (also xdist's) inherit the variables."""
    global _launcher
    if "CONVOY_TEST_MISSING" in os.environ:
        return
    wanted = os.environ.get("CONVOY_TEST_SERVERS", ",".join(NAMES)).split(",")
    names = [name for name in NAMES if name in wanted and not os.environ.get(variable(name))]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.launcher", *(names or ["none"])],
        cwd=Path(__file__).resolve().parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the tests, the servers stay until they are done
    )
    _launcher = os.getpid(), process
    atexit.register(stop)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise pytest.UsageError("tests/launcher.py ended without an answer, see above")
    answer = json.loads(line)
    missing = answer["missing"]
    for name in NAMES:
        if name in answer["urls"]:
            os.environ[variable(name)] = answer["urls"][name]
        elif name not in missing and not os.environ.get(variable(name)):
            missing[name] = ("switched off by CONVOY_TEST_SERVERS", False)
    os.environ["CONVOY_TEST_MISSING"] = json.dumps(missing)
    os.environ["CONVOY_TEST_DIR"] = str(Path(answer["folder"], "site"))


def stop() -> None:
    if _launcher is None or _launcher[0] != os.getpid():  # a fork of ours must not end them
        return
    process = _launcher[1]
    if process.poll() is None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)


start()


def missing_servers() -> dict[str, tuple[str, bool]]:
    return json.loads(os.environ["CONVOY_TEST_MISSING"])


def pytest_unconfigure() -> None:
    stop()


def pytest_report_header() -> list[str]:
    lines = [
        f"{name}: {os.environ[variable(name)]}" for name in NAMES if variable(name) in os.environ
    ]
    return lines + [f"{name}: missing, {why}" for name, (why, _) in missing_servers().items()]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Without its server a test is skipped at home; CI fails if the server could be had."""
    for name, (reason, installable) in missing_servers().items():
        if item.get_closest_marker(name):
            if installable and os.environ.get("CI", "").lower() in ("1", "true"):
                pytest.fail(f"{name} is missing and could be installed: {reason}", pytrace=False)
            pytest.skip(f"{name} is missing: {reason}")
