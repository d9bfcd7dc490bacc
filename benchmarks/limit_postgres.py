"""What PostgreSQL, psycopg and Python alone allow here: no Django, no queue.

Claim 100 jobs, check the HMAC and decode the JSON of each, call it, then move the 100 to the
history in one statement. `merged` does that in the transaction that claims the next ones.
The rows are as wide as Convoy's. With pgbench there is no Python at all.

    python limit_postgres.py MEASURE VARIANT JOBS URL PROGRAM        prints jobs per second
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import jobs
import psycopg
from limit_job import BATCH, BULK, TASK, rate_of_processes, run, seal

COLUMNS = """
    id varchar(32) COLLATE "C" PRIMARY KEY, queue varchar(200) COLLATE "C" NOT NULL,
    task varchar(255) NOT NULL, payload text NOT NULL, seal varchar(80) NOT NULL,
    key_id varchar(16) NOT NULL, priority smallint NOT NULL, enqueued_at timestamptz NOT NULL,
    due timestamptz, attempt integer NOT NULL, worker varchar(100) NOT NULL,
    started_at timestamptz, note text NOT NULL"""
SCHEMA = f"""
CREATE TABLE live ({COLUMNS}, state varchar(8) NOT NULL, wake_at timestamptz,
    token varchar(32) NOT NULL);
CREATE INDEX live_ready ON live (queue, priority DESC, id) WHERE state = 'ready';
CREATE INDEX live_wake ON live (wake_at) WHERE state IN ('delayed', 'leased');
CREATE TABLE history ({COLUMNS}, status varchar(12) NOT NULL, finished_at timestamptz NOT NULL,
    result text);
CREATE INDEX history_status ON history (status, finished_at);
CREATE TABLE account (id integer PRIMARY KEY, value integer);
INSERT INTO account SELECT n, 0 FROM generate_series(1, 1000) AS n;
"""
PUSHED = "id, queue, task, payload, seal, key_id, priority, enqueued_at, attempt, worker, note"
PUSHED += ", state, token"
PUSH = f"INSERT INTO live ({PUSHED}) VALUES ({', '.join(['%s'] * 13)})"
COPY = f"COPY live ({PUSHED}) FROM STDIN"
READY = f"""
SELECT id FROM live WHERE state = 'ready' AND queue = 'default'
ORDER BY priority DESC, id LIMIT {BATCH} FOR UPDATE SKIP LOCKED"""
CLAIM = f"""
UPDATE live SET state = 'leased', token = %s, worker = 'limit', attempt = attempt + 1,
    wake_at = statement_timestamp() + interval '15 seconds'
WHERE id = ANY(ARRAY({READY})) RETURNING id, payload, seal"""
KEPT = "queue, task, payload, seal, key_id, priority, enqueued_at, due, attempt, worker"
SETTLE = f"""
WITH gone AS (DELETE FROM live WHERE id = ANY(%s) AND token = %s RETURNING *)
INSERT INTO history SELECT id, {KEPT}, done.started_at, note, 'SUCCESSFUL', finished_at, result
FROM gone JOIN unnest(%s::varchar[], %s::timestamptz[], %s::timestamptz[], %s::text[])
    AS done (id, started_at, finished_at, result) USING (id)"""
UPDATE = "UPDATE account SET value = value + 1 WHERE id = %s"
PGBENCH_SCRIPT = f"""
WITH claimed AS (UPDATE live SET state = 'leased' WHERE id = ANY(ARRAY({READY})) RETURNING id)
SELECT array_agg(id) AS ids FROM claimed \\gset
WITH gone AS (DELETE FROM live WHERE id = ANY(:ids::varchar[]) RETURNING *)
INSERT INTO history SELECT id, {KEPT}, now(), note, 'SUCCESSFUL', now(), 'null' FROM gone;
"""


@dataclass(frozen=True)
class Variant:
    processes: int
    merged: bool = False


PGBENCH = "pgbench, 2 clients"
VARIANTS = {
    "1 process": Variant(1),
    "2 processes": Variant(2),
    "2 processes, merged": Variant(2, merged=True),
}


class Loop:
    """One process, reduced to its transactions."""

    def __init__(self, url: str, variant: Variant, job: Callable[..., object] = jobs.noop) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.prepare_threshold = 1
        self.variant = variant
        self.job = job
        self.numbers = count()

    def row(self) -> tuple[Any, ...]:
        key = f"{time.time_ns():016x}{next(self.numbers):016x}"
        at = datetime.now(UTC)
        return key, "default", TASK, *seal(), "0123456789abcdef", 0, at, 0, "", "", "ready", ""

    def push(self, n: int) -> None:
        for _ in range(n):
            self.connection.execute(PUSH, self.row())

    def copy(self, n: int) -> None:
        with self.connection.cursor() as cursor:
            for _ in range(n // BULK):
                with cursor.copy(COPY) as copy:
                    for _ in range(BULK):
                        copy.write_row(self.row())

    def settle(self, held: list[tuple[Any, ...]], token: str) -> None:
        columns = [list(column) for column in zip(*held, strict=True)]
        self.connection.execute(SETTLE, [columns[0], token, *columns])

    def work(self) -> None:
        held: list[tuple[Any, ...]] = []
        token = ""
        while True:
            if held and not self.variant.merged:
                self.settle(held, token)
                held = []
            with self.connection.transaction() if held else nullcontext():
                if held:
                    self.settle(held, token)
                token = os.urandom(16).hex()
                claimed = self.connection.execute(CLAIM, [token]).fetchall()
            if not claimed:
                return
            held = [self.run(*row) for row in claimed]

    def run(self, key: str, body: str, signature: str) -> tuple[Any, ...]:
        started = datetime.now(UTC)
        result = run(body, signature, self.job)
        return key, started, datetime.now(UTC), result

    def update(self, n: int) -> None:
        for _ in range(n):
            self.connection.execute(UPDATE, [random.randint(1, 1000)])


def drain(url: str, variant: Variant, n: int, job: Callable[..., object] = jobs.noop) -> float:
    return rate_of_processes(lambda: Loop(url, variant, job).work(), variant.processes, n)


def update(url: str, variant: Variant, n: int) -> float:
    def work() -> None:
        loop = Loop(url, variant)
        for _ in range(n // variant.processes):
            loop.update(1)
            jobs.noop()

    return rate_of_processes(work, variant.processes, n // variant.processes * variant.processes)


def pgbench(url: str, program: str, n: int) -> float:
    """Transactions of a batch each; the server does the same, and nobody calls the jobs."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(PGBENCH_SCRIPT)
        script.flush()
        each = n // BATCH // 2
        options = ["-n", "-M", "prepared", "-c", "2", "-j", "2", "-t", str(each)]
        command = [program, *options, "-f", script.name, url]
        done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    if done.returncode or not found:
        raise RuntimeError(f"pgbench: {done.stderr}")
    return float(found[1]) * BATCH


def main() -> None:
    measure, variant_name, jobs_text, url, program = sys.argv[1:]
    n, variant = int(jobs_text), VARIANTS.get(variant_name, Variant(1))
    loop = Loop(url, variant)
    loop.connection.execute(SCHEMA)
    if measure == "drain":
        loop.copy(n)
        if variant_name == PGBENCH:
            print(pgbench(url, program, n))
        else:
            print(drain(url, variant, n))
    elif measure == "cpu":
        loop.copy(n)
        print(drain(url, variant, n, jobs.cpu))
    elif measure == "atomic":
        print(update(url, variant, n))
    else:
        start = time.monotonic()
        {"enqueue": loop.push, "bulk": loop.copy}[measure](n)
        print(n / (time.monotonic() - start))


if __name__ == "__main__":
    main()
