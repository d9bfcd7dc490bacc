"""The stores on which systems are compared. A further one is a class here and a row in STORES."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any


class Sqlite:
    """A database file in WAL mode; whatever a system puts beside it is emptied with it."""

    name = "sqlite"
    server_pids: tuple[int, ...] = ()  # CPU that counts as ours

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def file(self) -> Path:
        return self.folder / "queue.sqlite3"

    def empty(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def django_database(self, synchronous: str) -> dict[str, Any]:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(self.file),
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous}",
            },
        }


STORES = {"sqlite": Sqlite}


def current() -> Sqlite:
    """The store that this process was started for (in a client or a worker)."""
    return STORES[os.environ["BENCH_STORE"]](Path(os.environ["BENCH_DATA"]))
