"""How jobs are taken: one in one step, many in three, beside others who do the same."""

import time
from collections.abc import Sequence
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import PyMongoError

from django_convoy.brokers.mongodb_connection import READY, SUSPECT, WAKING, Jobs
from django_convoy.brokers.mongodb_documents import Document
from django_convoy.brokers.mongodb_statements import OLDEST, give_back, lease, unheard
from django_convoy.brokers.search import Search
from django_convoy.domain import ids

TRIES = 3
"""How often a claim looks again after others took what it had seen."""
RECOVERY_PAUSE = 0.5
"""Seconds between two looks for what was claimed without our hearing of it."""


class Claims:
    """What one process learns about taking jobs."""

    def __init__(self) -> None:
        self._unheard: dict[str, float] = {}
        """Tokens of claims whose answer was lost, and when their leases are over anyway."""
        self._recover_at = 0.0

    def take(
        self, jobs: Jobs, queues: Sequence[str], suspects: set[str], search: Search
    ) -> list[Document]:
        """Return documents that are ours now, under one new token."""
        if self._unheard:
            self._recover(jobs)
        suspected = [queue for queue in queues if queue in suspects]
        if suspected and search.may_suspect():
            for queue in suspected:
                if found := _take_one(ids.token(), jobs, "suspect", queue, search):
                    return found
            search.no_suspect()
        token = ids.token()
        try:
            return _take_ready(token, jobs, queues, search)
        except PyMongoError:
            self._unheard[token] = time.monotonic() + search.lease
            raise

    def _recover(self, jobs: Jobs) -> None:
        """Give back what we hold without knowing: a server that was cut off or frozen carries
        out what it was sent, later. Nobody has started these jobs."""
        now = time.monotonic()
        if now < self._recover_at:
            return
        self._recover_at = now + RECOVERY_PAUSE
        jobs.update_many(unheard(self._unheard), give_back(), hint=WAKING)
        self._unheard = {token: end for token, end in self._unheard.items() if end > now}


def _take_ready(token: str, jobs: Jobs, queues: Sequence[str], search: Search) -> list[Document]:
    if search.limit == 1:
        for queue in queues:
            if found := _take_one(token, jobs, "ready", queue, search):
                return found
        return []
    claim = lease(token, search.worker, search.lease)
    seen: list[Any] = []
    taken = 0
    for queue in queues:
        for _ in range(TRIES):
            room = search.limit - taken
            found = _oldest(jobs, queue, room) if room else []
            if not found:
                break
            wanted = {"_id": {"$in": found}, "state": "ready"}
            won = jobs.update_many(wanted, claim, hint="_id_").modified_count
            seen += found
            taken += won
            if won == len(found) < room:
                break  # that was all there is
    if not taken:
        return []
    places = {str(one): place for place, one in enumerate(seen)}
    mine = jobs.find({"_id": {"$in": seen}, "token": token}, hint="_id_")
    return sorted(mine, key=lambda one: places[str(one["_id"])])


def _oldest(jobs: Jobs, queue: str, limit: int) -> list[Any]:
    """Return the ids of the first ready jobs, read from the index alone."""
    query = jobs.find({"state": "ready", "queue": queue}, {"_id": 1}, hint=READY)
    return [row["_id"] for row in query.sort(OLDEST).limit(limit)]


def _take_one(token: str, jobs: Jobs, state: str, queue: str, search: Search) -> list[Document]:
    found = jobs.find_one_and_update(
        {"state": state, "queue": queue},
        lease(token, search.worker, search.lease),
        sort=OLDEST,
        hint=SUSPECT if state == "suspect" else READY,
        return_document=ReturnDocument.AFTER,
    )
    return [] if found is None else [found]
