"""Moves what fell due, and what its holder let lapse, to where claims look."""

import logging
import time
from dataclasses import replace
from datetime import datetime
from typing import Any

from pymongo import UpdateOne

from django_convoy.brokers import mongodb_statements as statements
from django_convoy.brokers.mongodb_connection import WAKING, Jobs
from django_convoy.brokers.mongodb_documents import Document, read_note
from django_convoy.brokers.mongodb_statements import LONG_AGO, anything
from django_convoy.domain.envelope import NO_NOTE, Note
from django_convoy.domain.errors import PayloadError

logger = logging.getLogger("django_convoy.brokers")
BATCH = 200
PAUSE = 0.05
"""The least seconds between two looks of a busy worker."""
_WAKING = {"$gt": LONG_AGO}
"""Any time at all; written so that the server sees that the partial index applies."""
_SEEN = {"state": 1, "token": 1, "note": 1}


class Sweep:
    """A bounded step before a claim: delayed jobs that are due become ready, leases that
    lapsed become suspects. A suspect that lapses again is charged with a crash.

    Any number may sweep at once: each change asks for what was seen.
    """

    def __init__(self) -> None:
        self._look_at = 0.0
        self._due_at: float | None = None
        self._spare_until = 0.0
        self.suspects: set[str] = set()
        """Queues that had suspects when last looked."""

    def spare_lapsed(self, seconds: float) -> None:
        """Take no lapsed lease for a while: live holders renew first after an outage."""
        self._spare_until = time.monotonic() + seconds

    def run(self, jobs: Jobs) -> None:
        """Sweep, unless it was done a moment ago."""
        moment = time.monotonic()
        if moment < self._look_at:
            return
        self._look_at = moment + PAUSE
        left, now = self._first(jobs)
        if left is not None and left <= 0:
            if self._move(jobs, now) == BATCH:
                self._look_at = 0.0
            left, _ = self._first(jobs)
        self._due_at = None if left is None else moment + left
        self.suspects = set(queues_in(jobs, "suspect"))

    def is_calm(self, jobs: Jobs) -> bool:
        """Return whether there is nothing at all to claim or to sweep: one question, for those
        who ask it over and over."""
        self._due_at, now = None, time.monotonic()
        for found in jobs.aggregate(anything(jobs.name)):
            left = found.get("left")
            if left is None or left <= 0:
                return False
            self._due_at = now + left / 1000
        return True

    def remembered(self) -> float | None:
        """Return the seconds until there is something to sweep, as the last look saw it."""
        return None if self._due_at is None else self._spared(self._due_at - time.monotonic())

    def next_due(self, jobs: Jobs) -> float | None:
        """Return the seconds until there is something to sweep."""
        left, _ = self._first(jobs)
        return None if left is None else self._spared(left)

    def _spared(self, left: float) -> float:
        return max(left, self._spare_until - time.monotonic(), 0.0)

    def _first(self, jobs: Jobs) -> tuple[float | None, datetime]:
        """Return (seconds until the first one wakes, the server's time)."""
        cursor = jobs.find({"wake_at": _WAKING}, {"wake_at": 1, "now": "$$NOW"}, hint=WAKING)
        for found in cursor.sort("wake_at", 1).limit(1):
            wake_at, now = found["wake_at"], found["now"]
            # What is not a date that can be reached was put there by others.
            known = isinstance(wake_at, datetime)
            return (wake_at - now).total_seconds() if known else None, now
        return None, LONG_AGO

    def _move(self, jobs: Jobs, now: datetime) -> int:
        """Move a batch of what was due at a time of the server; return how many were seen."""
        until = {"$gt": LONG_AGO, "$lte": now}
        query = jobs.find({"wake_at": until}, _SEEN, hint=WAKING).sort("wake_at", 1).limit(BATCH)
        by_state: dict[Any, list[Document]] = {"delayed": [], "leased": []}
        strange: list[Any] = []
        rows = list(query)
        for row in rows:
            state = row.get("state")
            if isinstance(state, str) and state in by_state:
                by_state[state].append(row)
            else:
                strange.append(row["_id"])
        if due := [row["_id"] for row in by_state["delayed"]]:
            wanted = {"_id": {"$in": due}, "state": "delayed", "wake_at": until}
            jobs.update_many(wanted, statements.now_due(), hint="_id_")
        if by_state["leased"] and time.monotonic() >= self._spare_until:
            jobs.bulk_write([_lapse(row, until) for row in by_state["leased"]], ordered=False)
        if strange:
            logger.warning("%d documents are no jobs of Convoy: left alone", len(strange))
            jobs.update_many({"_id": {"$in": strange}}, {"$unset": {"wake_at": 1}}, hint="_id_")
        return len(rows)


def _lapse(row: Document, until: dict[str, Any]) -> UpdateOne:
    try:
        known = read_note(row.get("note"))
    except PayloadError:
        known = NO_NOTE
    note: Note = replace(
        known,
        # Alone when it lapsed, and once more: now it is known to be the one.
        crashes=known.crashes + known.suspect,
        suspect=True,
        ended="its lease lapsed: the worker, or its whole host, is gone",
    )
    token = {"$eq": row.get("token")}  # if it is a document, it is no operator
    wanted = {"_id": row["_id"], "state": "leased", "token": token, "wake_at": until}
    return UpdateOne(wanted, statements.lapsed(note), hint="_id_")


def queues_in(jobs: Jobs, state: str) -> list[str]:
    """Return the queues that have ready jobs, suspects or buried ones, hopping through an index."""
    return sorted(one for one in jobs.distinct("queue", {"state": state}) if isinstance(one, str))


def due_queues(jobs: Jobs) -> list[str]:
    """Return the queues of what the next sweep would move."""
    query = jobs.find({"wake_at": _WAKING}, {"_id": 0, "queue": 1, "wake_at": 1, "now": "$$NOW"})
    found = query.hint(WAKING).sort("wake_at", 1).limit(BATCH)
    return sorted({row["queue"] for row in found if _is_due(row)})


def _is_due(row: Document) -> bool:
    wake_at, queue = row["wake_at"], row.get("queue")
    known = isinstance(wake_at, datetime) and isinstance(queue, str)
    return known and bool(wake_at <= row["now"])
