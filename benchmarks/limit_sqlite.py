"""What SQLite and Python alone allow here: no Django, only what no job queue can do without.

Claim 100 jobs, check the HMAC and decode the JSON of each, call it, then delete the 100 and insert
100 rows of history. `merged` settles a batch in the transaction that claims the next one; `locked`
queues writers on a file lock instead of SQLite's sleeping busy handler.

    python limit_sqlite.py MEASURE VARIANT JOBS FOLDER        prints jobs per second
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from limit_job import BATCH, BULK, TASK, rate_of_processes, run, seal

SCHEMA = """
CREATE TABLE live (
    id INTEGER PRIMARY KEY, queue TEXT NOT NULL, priority INTEGER NOT NULL, state INTEGER NOT NULL,
    token BLOB, lease_until REAL, task TEXT NOT NULL, body TEXT NOT NULL, signature TEXT NOT NULL);
CREATE INDEX live_ready ON live (queue, priority DESC, id) WHERE state = 0;
CREATE TABLE history (
    id INTEGER PRIMARY KEY, queue TEXT NOT NULL, task TEXT NOT NULL, body TEXT NOT NULL,
    outcome TEXT NOT NULL, started REAL NOT NULL, ended REAL NOT NULL, result TEXT);
"""
PUSH = f"""
INSERT INTO live (queue, priority, state, task, body, signature)
VALUES ('default', 0, 0, '{TASK}', ?, ?)
"""
CLAIM = f"""
UPDATE live SET state = 1, token = ?, lease_until = ? WHERE id IN (
    SELECT id FROM live WHERE state = 0 AND queue = 'default'
    ORDER BY priority DESC, id LIMIT {BATCH})
RETURNING id, task, body, signature
"""
REMOVE = "DELETE FROM live WHERE id = ? AND token = ?"
RECORD = "INSERT INTO history VALUES (?, 'default', ?, ?, 'succeeded', ?, ?, ?)"


@dataclass(frozen=True)
class Variant:
    processes: int
    merged: bool = False
    locked: bool = False


VARIANTS = {
    "1 process": Variant(1),
    "2 processes": Variant(2),
    "1 process, merged": Variant(1, merged=True),
    "2 processes, merged, locked": Variant(2, merged=True, locked=True),
}


class Loop:
    """One worker process, reduced to its transactions."""

    def __init__(self, file: Path, variant: Variant) -> None:
        self.connection = sqlite3.connect(file, isolation_level=None, timeout=20)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.variant = variant
        self.lock = file.with_suffix(".lock").open("w") if variant.locked else None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self.lock:
            fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.connection.execute("BEGIN IMMEDIATE")
        yield
        self.connection.execute("COMMIT")
        if self.lock:
            fcntl.flock(self.lock, fcntl.LOCK_UN)

    def push(self, n: int, batch: int) -> None:
        for _ in range(n // batch):
            with self.transaction():
                self.connection.executemany(PUSH, [seal() for _ in range(batch)])

    def claim(self, token: bytes) -> list[tuple[int, str, str, str]]:
        return self.connection.execute(CLAIM, (token, time.time() + 15)).fetchall()

    def settle(self, held: list[tuple[object, ...]], token: bytes) -> None:
        self.connection.executemany(REMOVE, [(row[0], token) for row in held])
        self.connection.executemany(RECORD, held)

    def work(self) -> None:
        held: list[tuple[object, ...]] = []
        token = b""
        while True:
            if held and not self.variant.merged:
                with self.transaction():
                    self.settle(held, token)
                held = []
            with self.transaction():
                if held:
                    self.settle(held, token)
                token = os.urandom(16)
                claimed = self.claim(token)
            if not claimed:
                return
            held = [self.run(*row) for row in claimed]

    def run(self, key: int, task: str, body: str, signature: str) -> tuple[object, ...]:
        started = time.time()
        result = run(body, signature)
        return key, task, body, started, time.time(), result


def drain(file: Path, variant: Variant, n: int) -> float:
    loop = Loop(file, variant)
    loop.push(n, BULK)
    loop.connection.close()
    return rate_of_processes(lambda: Loop(file, variant).work(), variant.processes, n)


def timed_push(file: Path, variant: Variant, n: int, batch: int) -> float:
    loop = Loop(file, variant)
    start = time.monotonic()
    loop.push(n, batch)
    return n / (time.monotonic() - start)


def main() -> None:
    measure, variant_name, n, folder = sys.argv[1:]
    variant = VARIANTS[variant_name]
    file = Path(folder) / "limit.sqlite3"
    Loop(file, variant).connection.executescript(SCHEMA)
    if measure == "drain":
        print(drain(file, variant, int(n)))
    else:
        print(timed_push(file, variant, int(n), {"enqueue": 1, "bulk": BULK}[measure]))


if __name__ == "__main__":
    main()
