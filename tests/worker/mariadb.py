"""Statements on the run's MariaDB, outside of Django."""

from urllib.parse import unquote, urlsplit

import pymysql


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
