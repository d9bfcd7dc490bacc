"""Statements on MariaDB outside of Django, and a server that a test may stop and start."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pymysql

from tests.recipes.server import Server as Recipe
from tests.worker import servers


def on_mariadb(url: str, sql: str) -> None:
    """Execute one statement."""
    parts = urlsplit(url)
    connection = pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)


def durable(recipe: Recipe) -> None:
    """Change a recipe: what was committed outlives a kill, which the run's own server need not."""
    serve = recipe.serve
    recipe.serve = lambda port: [*serve(port), "--innodb-flush-log-at-trx-commit=1"]


class Server(servers.Server):
    """One that keeps what it committed, with an empty database at its URL."""

    def __init__(self, folder: Path) -> None:
        super().__init__("mariadb", folder, durable)
        on_mariadb(self.url, "CREATE DATABASE site CHARACTER SET utf8mb4")
        self.url = f"{self.url.rpartition('/')[0]}/site"
