"""The databases that a test runs on, each with committed rows."""

import pytest


def _on(alias: str, *marks: pytest.MarkDecorator, before: tuple[str, ...] = ()):
    """before: whose database it is, seen another way."""
    real = pytest.mark.django_db(transaction=True, databases=[*before, alias])
    return pytest.param(alias, marks=[real, *marks], id=alias)


SQLITE = _on("default")
POSTGRES = _on("postgres", pytest.mark.postgres)
PGBOUNCER = _on("pgbouncer", pytest.mark.postgres, pytest.mark.pgbouncer, before=("postgres",))
MARIADB = _on("mariadb", pytest.mark.mariadb)

on_each_database = pytest.mark.parametrize("alias", [SQLITE, POSTGRES, MARIADB])
on_servers = pytest.mark.parametrize("alias", [POSTGRES, MARIADB])
on_sqlite = pytest.mark.parametrize("alias", [SQLITE])
