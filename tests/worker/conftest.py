"""Sites for worker tests."""

import contextlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.worker.mariadb import on_mariadb
from tests.worker.postgres import run_statement
from tests.worker.site import Site, opened

if sys.platform != "linux":
    collect_ignore_glob = ["test_*"]  # they look at processes through /proc


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables; each test gets a copy."""
    folder = tmp_path_factory.mktemp("migrated")
    with opened(folder, None) as site:
        site.run("migrate", "--verbosity", "0")
    return folder / "site.sqlite3"


@pytest.fixture
def make_site(tmp_path: Path, migrated: Path) -> Iterator[Callable[..., Site]]:
    """Make sites with options of their own: `make_site(options={"lease": 2})`."""
    with contextlib.ExitStack() as stack:
        numbers = itertools.count()

        def make(**chosen: Any) -> Site:
            folder = tmp_path / f"site-{next(numbers)}"
            return stack.enter_context(opened(folder, migrated, **chosen))

        yield make


@pytest.fixture
def make_postgres_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Make sites with a database of their own on the run's PostgreSQL.

    kept: connections live from job to job. pooled: through the run's PgBouncer. heard: with a
    listener that goes past it. migrated: with Convoy's tables.
    """
    with contextlib.ExitStack() as stack:
        numbers = itertools.count()
        url = os.environ["CONVOY_TEST_POSTGRES"]

        def make(
            *, pooled: bool = False, heard: bool = False, migrated: bool = True, **chosen: Any
        ) -> Site:
            number = next(numbers)
            name = f"worker_{os.getpid()}_{tmp_path.name.lower()[-30:]}_{number}"
            run_statement(url, f'CREATE DATABASE "{name}"')
            stack.callback(run_statement, url, f'DROP DATABASE "{name}" WITH (FORCE)')
            database = f"{url.rpartition('/')[0]}/{name}"
            if heard:
                broker = {"name": "database", "listen_dsn": database}
                chosen["options"] = {**chosen.get("options", {}), "broker": broker}
            if pooled:
                pooler = os.environ["CONVOY_TEST_PGBOUNCER"]
                chosen["pooled"] = True
                database = f"{pooler.rpartition('/')[0]}/{name}"
            folder = tmp_path / f"site-{number}"
            site = stack.enter_context(opened(folder, None, database=database, **chosen))
            if migrated:
                site.run("migrate", "--verbosity", "0")
            return site

        yield make


@pytest.fixture
def make_mariadb_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Make sites with a database of their own on the run's MariaDB."""
    with contextlib.ExitStack() as stack:
        numbers = itertools.count()
        url = os.environ["CONVOY_TEST_MARIADB"]

        def make(**chosen: Any) -> Site:
            number = next(numbers)
            name = f"worker_{os.getpid()}_{tmp_path.name.lower()[-30:]}_{number}"
            on_mariadb(url, f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
            stack.callback(on_mariadb, url, f"DROP DATABASE `{name}`")
            database = f"{url.rpartition('/')[0]}/{name}"
            folder = tmp_path / f"site-{number}"
            site = stack.enter_context(opened(folder, None, database=database, **chosen))
            site.run("migrate", "--verbosity", "0")
            return site

        yield make


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """A site with a lease of 5 s."""
    return make_site(options={"lease": 5})
