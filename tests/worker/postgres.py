"""A PostgreSQL that a test may stop and start."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.recipes.server import Server as Recipe
from tests.worker import servers


def run_statement(url: str, statement: str) -> None:
    """Run one statement on a server."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


class Server(servers.Server):
    """One whose databases keep what they committed."""

    def __init__(
        self, folder: Path, change: Callable[[Recipe], None] = lambda recipe: None
    ) -> None:
        super().__init__("postgres", folder, change)

    def database(self) -> str:
        """Make a database that keeps what it committed; return its URL."""
        run_statement(self.url, "CREATE DATABASE site")
        run_statement(self.url, "ALTER DATABASE site SET synchronous_commit = on")
        return f"{self.url.rpartition('/')[0]}/site"
