"""Moves what fell due, and what its holder let lapse, to where claims look."""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django_convoy.db.dialect import Dialect
from django_convoy.db.fields import from_column
from django_convoy.domain.envelope import NO_NOTE, Note

_WAKING = "state IN ('delayed', 'leased')"
"""Written as in the partial index, so that every planner sees that the index applies."""
logger = logging.getLogger("django_convoy.brokers")
UNREADABLE = Note(ended="what was noted of its earlier runs could not be read")
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
BATCH = 200
PAUSE = 0.05


class Sweep:
    """A bounded step before a claim: delayed jobs that are due become ready, leases that
    lapsed become suspects. A suspect that lapses again is charged with a crash.

    holder_lives: whether the holder of a token is known to be alive, whatever the clock says.
    """

    def __init__(self, dialect: Dialect, holder_lives: Callable[[str], bool]) -> None:
        self._dialect = dialect
        self._holder_lives = holder_lives
        self._next = 0.0
        self._spare_until = 0.0
        self.suspects: set[str] = set()
        """Queues that had suspects when last looked."""

    def spare_lapsed(self, seconds: float) -> None:
        """Take no lapsed lease for a while."""
        self._spare_until = time.monotonic() + seconds

    def is_due(self, cursor: Any, queues: Sequence[str]) -> bool:
        """Return whether a sweep would find something, or there are suspects."""
        now, params = self._dialect.now()
        table = f"convoy_job{self._dialect.using('convoy_job_wake')}"
        cursor.execute(
            f"SELECT 1 FROM {table} WHERE {_WAKING} AND wake_at <= {now} LIMIT 1", params
        )
        if cursor.fetchone():
            self._next = 0.0
            return True
        self._look_for_suspects(cursor)
        return not self.suspects.isdisjoint(queues)

    def due_queues(self, cursor: Any) -> list[str]:
        """Return the queues of what the next sweep would move."""
        now, params = self._dialect.now()
        cursor.execute(
            f"SELECT queue FROM convoy_job WHERE {_WAKING} AND wake_at <= {now} LIMIT {BATCH}",
            params,
        )
        return sorted({row[0] for row in cursor.fetchall()})

    def next_due(self, cursor: Any) -> float | None:
        """Return the seconds until there is something to sweep."""
        now, params = self._dialect.now()
        beyond, bound = self.beyond()
        table = f"convoy_job{self._dialect.using('convoy_job_wake')}"
        cursor.execute(
            f"SELECT {self._dialect.columns('wake_at')}, {now}{self._dialect.as_utc} "
            f"FROM {table} WHERE {_WAKING} AND wake_at > {beyond} ORDER BY wake_at LIMIT 1",
            [*params, *bound],
        )
        row = cursor.fetchone()
        first, at = map(from_column, row or (None, None))
        if first is None or at is None:
            return None
        left = (first - at).total_seconds()
        spared = self._spare_until - time.monotonic()
        return max(left, spared, 0.0)

    def beyond(self) -> tuple[str, list[Any]]:
        """Return (SQL, parameters) of a time before which nothing needs to be looked for."""
        return "%s", [self._dialect.time(LONG_AGO)]

    def run(self, cursor: Any, lease: float) -> None:
        """Sweep, unless it was done a moment ago."""
        moment = time.monotonic()
        if moment < self._next:
            return
        self._next = moment + PAUSE
        now, params = self._dialect.now()
        beyond, bound = self.beyond()
        table = f"convoy_job{self._dialect.using('convoy_job_wake')}"
        cursor.execute(
            f"SELECT id, state, token, note FROM {table} WHERE {_WAKING} AND wake_at <= {now} "
            f"AND wake_at > {beyond} ORDER BY wake_at LIMIT {BATCH}{self._dialect.skip_locked}",
            [*params, *bound],
        )
        rows = cursor.fetchall()
        due: dict[str, list[str]] = {}
        for job_id, state, _, note in rows:
            if state == "delayed":
                kind = "suspect" if read_note(note).suspect else "ready"
                due.setdefault(kind, []).append(job_id)
        for kind, job_ids in due.items():
            cursor.execute(
                f"UPDATE convoy_job{self._dialect.using('PRIMARY')} "
                f"SET state = '{kind}', wake_at = NULL "
                f"WHERE id IN ({', '.join(['%s'] * len(job_ids))})",
                job_ids,
            )
        if moment >= self._spare_until:
            for job_id, state, token, note in rows:
                if state == "leased":
                    self._lapse(cursor, job_id, token, note, lease)
        if len(rows) == BATCH:
            self._next = 0.0
        self._look_for_suspects(cursor)

    def _lapse(self, cursor: Any, job_id: str, token: str, note: str, lease: float) -> None:
        if self._holder_lives(token):
            until, params = self._dialect.now(lease)
            cursor.execute(
                f"UPDATE convoy_job SET wake_at = {until} WHERE id = %s AND token = %s",
                [*params, job_id, token],
            )
            return
        known = read_note(note)
        lapsed = replace(
            known,
            # Alone when it lapsed, and once more: now it is known to be the one.
            crashes=known.crashes + known.suspect,
            suspect=True,
            ended="its lease lapsed: the worker, or its whole host, is gone",
        )
        cursor.execute(
            "UPDATE convoy_job SET state = 'suspect', wake_at = NULL, token = '', worker = '', "
            "started_at = NULL, note = %s WHERE id = %s AND token = %s",
            [json.dumps(lapsed.to_json()), job_id, token],
        )

    def _look_for_suspects(self, cursor: Any) -> None:
        self.suspects = set(queues_in(cursor, "suspect"))


def queues_in(cursor: Any, state: str) -> list[str]:
    """Return the queues that have jobs in a state, hopping from queue to queue in its index:
    it costs what the queues are, not what the jobs are."""
    names: list[str] = []
    while True:
        cursor.execute(
            f"SELECT MIN(queue) FROM convoy_job WHERE state = '{state}' AND queue > %s",
            names[-1:] or [""],
        )
        (name,) = cursor.fetchone()
        if name is None:
            return names
        names.append(name)


def read_note(text: str | None) -> Note:
    """Return the note of a row. One that was changed by hand must not keep others from work."""
    if not text:
        return NO_NOTE
    try:
        return Note.from_json(json.loads(text))
    except (ValueError, TypeError, AttributeError, RecursionError):
        logger.error("the note of a job cannot be read, and is forgotten: %.60r", text)
        return UNREADABLE
