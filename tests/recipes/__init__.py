"""How each server of the tests is started, and where programs are, by their names."""

from collections.abc import Callable
from pathlib import Path

from tests.recipes.browser import browser
from tests.recipes.fakes import disque, ironmq
from tests.recipes.mariadb import mariadb
from tests.recipes.mongodb import mongodb
from tests.recipes.postgres import pgbouncer, postgres
from tests.recipes.redis import redis62, valkey
from tests.recipes.sqs import sqs

RECIPES = {
    "postgres": postgres,
    "mariadb": mariadb,
    "pgbouncer": pgbouncer,
    "valkey": valkey,
    "redis62": redis62,
    "mongodb": mongodb,
    "sqs": sqs,
    "ironmq": ironmq,
    "disque": disque,
}
PROGRAMS: dict[str, Callable[[], Path]] = {"browser": browser}
