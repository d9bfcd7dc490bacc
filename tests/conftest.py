"""Fixtures that every test may use."""

import json
import os
import sys
from pathlib import Path

import pytest
from django.db import connections

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def process_env() -> dict[str, str]:
    """For a process that shall use this test's databases: `Popen(…, env=process_env)`."""
    names = {alias: connections[alias].settings_dict["NAME"] for alias in connections}
    return os.environ | {
        "CONVOY_TEST_NAMES": json.dumps(names, default=str),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }
