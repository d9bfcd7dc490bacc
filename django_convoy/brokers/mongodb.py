"""Jobs in MongoDB: one collection of live jobs, a document each.

Ready is a state with a partial index of its own. A claim reads ids from it and marks those that
are still ready with a token; what was marked is its own, however many claim at once.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import DeleteMany, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from django_convoy.brokers.database_idling import Idling
from django_convoy.brokers.mongodb_browsing import MongoBrowsing
from django_convoy.brokers.mongodb_claims import Claims, Search
from django_convoy.brokers.mongodb_connection import Connection, Jobs
from django_convoy.brokers.mongodb_documents import (
    MAX_BODY,
    Document,
    document,
    lease_of,
    text_of,
)
from django_convoy.brokers.mongodb_listener import MongoListener
from django_convoy.brokers.mongodb_options import read_options
from django_convoy.brokers.mongodb_statements import (
    Pipeline,
    matching,
    put_back,
    renewal,
    set_aside,
)
from django_convoy.brokers.mongodb_sweep import Sweep
from django_convoy.contracts.broker import Broker
from django_convoy.contracts.listener import Announcing, Listener
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import Envelope, Lease
from django_convoy.domain.errors import PayloadError
from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import Again, Bury, Done, Verdict

logger = logging.getLogger("django_convoy.brokers")
PUSH_JOBS, PUSH_BYTES = 1000, 8 * 2**20
_DUPLICATE = 11000
Claim = tuple[str, str]
"""A job's id and the token of one claim."""


class MongoBroker(MongoBrowsing, Broker, Announcing):
    """MongoDB 4.4 and newer: standalone, replica set or sharded.

    options: `uri`, `database` (or `mongo_db`), `collection`, `watch`, and all that MongoClient
    takes; see `mongodb_options`.
    """

    def __init__(self, **options: Any) -> None:
        self._options = read_options(options)
        self._server = Connection(self._options)
        self._sweep = Sweep()
        self._claims = Claims()
        self._bells: str | None = None
        self._watches = False
        self._idling = Idling(self._folder)
        self._outages = 0
        self._unsure: set[Claim] = set()
        """What was to be settled when the connection broke: it may have been, or not."""
        self.capabilities = Capabilities(max_body=MAX_BODY)

    # Enqueueing

    def push(self, envelopes: Iterable[Envelope]) -> None:
        """Insert documents; all are encoded before the first is sent.

        A job that is there already (its answer was lost, it is pushed again) is left as it is.
        """
        documents = [document(one) for one in envelopes]
        with self._server.jobs() as jobs:
            if len(documents) == 1:
                try:
                    jobs.insert_one(documents[0])
                except DuplicateKeyError:
                    logger.info("a job was pushed that is there already")
                return
            for chunk in _chunks(documents):
                _insert(jobs, chunk)

    # Claiming

    def claim(
        self,
        queues: Iterable[str],
        *,
        limit: int,
        lease: float,
        worker: str,
        wait: float = 0,
        may_suspect: Callable[[], bool] = lambda: True,
    ) -> list[Lease]:
        """Claim now, or when something comes within `wait` seconds."""
        if self._bells and not self._watches:
            self._watches = self._options.watch and self._server.has_streams
        outages = self._server.outages
        if outages != self._outages:
            self._sweep.spare_lapsed(lease / 3)
        search = Search(queues, limit, lease, worker, may_suspect)
        found = self._idling.until(lambda: self._look(search), self._sweep.remembered, wait)
        self._outages = outages
        return found

    def interrupt(self) -> None:
        """End a claim that waits."""
        self._idling.interrupt()

    def _look(self, search: Search) -> list[Lease]:
        queues = list(search.queues)
        with self._server.jobs() as jobs:
            self._sweep.run(jobs)
            while found := self._claims.take(jobs, queues, self._sweep.suspects, search):
                if leases := self._read(jobs, found):
                    return leases
        return []

    def _read(self, jobs: Jobs, found: Sequence[Document]) -> list[Lease]:
        """Return the leases; what is no job of Convoy is set aside, where it can be seen."""
        leases = []
        for one in found:
            try:
                leases.append(lease_of(one))
            except PayloadError as error:
                logger.error("document %r is set aside: %s", one["_id"], error)
                jobs.update_one({"_id": one["_id"], "token": one["token"]}, set_aside(str(error)))
        return leases

    def next_due(self) -> float | None:
        """Return the seconds until the next delayed job is due or the next lease lapses."""
        with self._server.jobs() as jobs:
            return self._sweep.next_due(jobs)

    # Waking

    def listen(self) -> Listener | None:
        """Open a listener, where there are change streams."""
        if not (self._options.watch and self._server.has_streams):
            return None
        return MongoListener(self._server, self.next_due)

    def use_bells(self, folder: str) -> None:
        """Sleep where a listener wakes us, if there will be one."""
        self._bells = folder

    def _folder(self) -> str | None:
        """Asked also by a signal handler, so without a word to the server."""
        return self._bells if self._watches else None

    # Holding and settling

    def renew(self, leases: Sequence[Lease], *, lease: float) -> list[Renewal]:
        """Renew what has its token still. Nothing waits here: there are no locks."""
        if not leases:
            return []
        operations = [
            renewal(token, job_ids, lease) for token, job_ids in _by_token(leases).items()
        ]
        with self._server.jobs() as jobs:
            jobs.bulk_write(operations, ordered=False)
            there = _tokens(jobs, [one.id for one in leases])
        return [Renewal.HELD if there.get(one.id) == one.token else Renewal.LOST for one in leases]

    def settle(self, settlements: Sequence[tuple[Lease, Verdict]]) -> list[bool]:
        """Delete what is done, put back what runs again, set aside what is buried.

        The server counts what it deleted, and does not say which; so who still holds what is
        asked first. The token in each statement fences all the same.
        """
        if not settlements:
            return []
        asked = {(lease.id, lease.token) for lease, _ in settlements}
        unsure = self._unsure & asked
        self._unsure |= asked
        with self._server.jobs() as jobs:
            there = _tokens(jobs, [lease.id for lease, _ in settlements])
            held = [pair for pair in settlements if there.get(pair[0].id) == pair[0].token]
            lost = _settle(jobs, held)
        self._unsure -= asked
        answers = []
        for lease, verdict in settlements:
            claim = lease.id, lease.token
            if there.get(lease.id) == lease.token:
                answers.append(claim not in lost)
            else:
                # Gone as we wanted it, by our own statement whose answer was lost?
                as_said = there.get(lease.id) is None
                as_said = as_said and not (lease.id in there and isinstance(verdict, Done))
                answers.append(claim in unsure and as_said)
        return answers

    def mark_started(self, leases: Sequence[tuple[Lease, datetime]]) -> None:
        """Write when long jobs began, so that they read RUNNING."""
        if not leases:
            return
        operations = [
            UpdateOne(
                {"_id": lease.id, "token": lease.token}, {"$set": {"started_at": text_of(at)}}
            )
            for lease, at in leases
        ]
        with self._server.jobs() as jobs:
            jobs.bulk_write(operations, ordered=False)

    # The rest

    def ping(self) -> None:
        """Return if jobs can be stored and claimed now. Raises BrokerUnavailable."""
        self._server.ping()

    def info(self) -> str:
        """Return the server's version and kind, in words."""
        return self._server.info()

    def close(self) -> None:
        """Close the client of this process."""
        self._idling.close()
        self._server.close()


def _insert(jobs: Jobs, documents: Sequence[RawBSONDocument]) -> None:
    try:
        jobs.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        told = error.details or {}
        failed = [one.get("code") for one in told.get("writeErrors", ())]
        if told.get("writeConcernErrors") or set(failed) != {_DUPLICATE}:
            raise
        logger.info("%d jobs were pushed that are there already", len(failed))


def _chunks(documents: Sequence[RawBSONDocument]) -> Iterator[list[RawBSONDocument]]:
    """Return batches that one call can take in its time."""
    chunk: list[RawBSONDocument] = []
    size = 0
    for one in documents:
        if chunk and (len(chunk) == PUSH_JOBS or size + len(one.raw) > PUSH_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(one)
        size += len(one.raw)
    if chunk:
        yield chunk


def _by_token(leases: Iterable[Lease]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in leases:
        found.setdefault(one.token, []).append(one.id)
    return found


def _tokens(jobs: Jobs, job_ids: Sequence[str]) -> dict[str, Any]:
    """Return the token of each job that is there; None where nobody holds it."""
    found = jobs.find({"_id": {"$in": list(job_ids)}}, {"token": 1}, hint="_id_")
    return {row["_id"]: row.get("token") for row in found}


def _settle(jobs: Jobs, held: Sequence[tuple[Lease, Verdict]]) -> set[Claim]:
    """Settle what was held a moment ago; return what was lost meanwhile."""
    done = [lease for lease, verdict in held if isinstance(verdict, Done)]
    again: dict[str, tuple[Pipeline, list[Lease]]] = {}
    for lease, verdict in held:
        if isinstance(verdict, Again | Bury):
            pipeline = put_back(verdict)
            again.setdefault(repr(pipeline), (pipeline, []))[1].append(lease)
    operations: list[DeleteMany | UpdateMany] = [
        DeleteMany(matching(token, job_ids), hint="_id_")
        for token, job_ids in _by_token(done).items()
    ]
    for pipeline, leases in again.values():
        operations += [
            UpdateMany(matching(token, job_ids), pipeline, hint="_id_")
            for token, job_ids in _by_token(leases).items()
        ]
    if not operations:
        return set()
    answer = jobs.bulk_write(operations, ordered=False)
    if answer.deleted_count + answer.matched_count == len(held):
        return set()
    # Some lease lapsed, and was taken over, between the look and this: very seldom.
    there = _tokens(jobs, [lease.id for lease, _ in held])
    return {
        (lease.id, lease.token)
        for lease, verdict in held
        if (lease.id in there if isinstance(verdict, Done) else there.get(lease.id, "") is not None)
    }
