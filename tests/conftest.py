"""Fixtures that every test may use."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with files that take long: side by side with others, none is left at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Cut a pooler's idle connections off, which would keep the database from being dropped."""
    yield
    if "pgbouncer" not in connections.settings:
        return
    made = connections["pgbouncer"].settings_dict["NAME"]
    if made != connections["postgres"].settings_dict["NAME"]:
        return  # no test used it
    with django_db_blocker.unblock(), connections["postgres"].cursor() as cursor:
        connections["pgbouncer"].close()
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


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
