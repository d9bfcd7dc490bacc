"""What the measures of `footprint.py` ask of Convoy's tables, in its own virtualenv."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

PRUNED = 1_000  # rows a batch, as the steward does it
CLAIMED = 200
LONG_AGO = timedelta(0)


class Tables:
    """Convoy's own two tables on PostgreSQL."""

    def sizes(self) -> dict[str, int]:
        """Bytes of the live jobs and of the history, with their indexes."""
        return {
            "live": self._ask("SELECT pg_total_relation_size('convoy_job')"),
            "history": self._ask("SELECT pg_total_relation_size('convoy_history')"),
        }

    def vacuum(self) -> float:
        """Seconds of a vacuum of the live jobs."""
        begun = time.monotonic()
        self._execute("VACUUM convoy_job")
        return time.monotonic() - begun

    def analyze(self) -> None:
        self._execute("VACUUM ANALYZE convoy_job, convoy_history")

    def prune(self) -> dict[str, float]:
        """Forget all that is finished, batch after batch: how many rows, in how many seconds."""
        from django_convoy.contracts.store import Retention
        from django_convoy.runtime import runtime_of

        store, rows = runtime_of("default").private().store, 0
        begun = time.monotonic()
        while removed := store.prune(Retention(successes=LONG_AGO), limit=PRUNED):
            rows += removed
        return {"rows": rows, "seconds": time.monotonic() - begun}

    def spread(self, task: Any, n: int, queues: int) -> None:
        """Enqueue n jobs, the same number into each queue."""
        each = n // queues
        for number in range(queues):
            task.using(queue_name=f"queue{number:04}").enqueue_many([()] * each)

    def claim(self, n: int) -> float:
        """Seconds of the claims that take n jobs out of all queues, as `--queues *` does."""
        from django_convoy.core.lanes import Lanes, parse
        from django_convoy.runtime import runtime_of

        runtime = runtime_of("default")
        broker: Any = runtime.private().broker
        lanes = Lanes(parse("*"), runtime.full_name, broker.ready_queues)
        broker.claim(lanes, limit=1, lease=600, worker="bench")  # connects
        left, begun = n - 1, time.monotonic()
        while left > 0:
            found = broker.claim(lanes, limit=min(CLAIMED, left), lease=600, worker="bench")
            if not found:
                raise RuntimeError(f"{left} of {n} jobs were not found")
            left -= len(found)
        return time.monotonic() - begun

    def _execute(self, sql: str) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(sql)

    def _ask(self, sql: str) -> Any:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]
