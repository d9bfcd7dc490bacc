"""Jobs in MongoDB: one collection of live jobs, a document each.

Ready is a state with a partial index of its own. A claim reads ids from it and marks those that
are still ready with a token; what was marked is its own, however many claim at once.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django_convoy.brokers.search import Search
from django_convoy.domain.errors import ConfigurationError, PayloadError

try:
    from bson.raw_bson import RawBSONDocument
    from pymongo import UpdateOne
    from pymongo.errors import BulkWriteError, DuplicateKeyError
except ImportError as error:
    raise ConfigurationError(
        'the MongoDB broker needs pymongo: pip install "django-convoy[mongodb]"'
    ) from error

from django_convoy.brokers.database_idling import Idling
from django_convoy.brokers.mongodb_browsing import MongoBrowsing
from django_convoy.brokers.mongodb_claims import Claims
from django_convoy.brokers.mongodb_connection import Connection, Jobs
from django_convoy.brokers.mongodb_documents import (
    MAX_BODY,
    Document,
    adopted,
    document,
    lease_of,
    text_of,
)
from django_convoy.brokers.mongodb_listener import MongoListener
from django_convoy.brokers.mongodb_looking import MongoLooker
from django_convoy.brokers.mongodb_options import read_options
from django_convoy.brokers.mongodb_settling import Claim, by_token, settle, tokens
from django_convoy.brokers.mongodb_statements import (
    renewal,
    set_aside,
)
from django_convoy.brokers.mongodb_sweep import Sweep
from django_convoy.contracts.broker import Adopter, Broker, Held, Reachable
from django_convoy.contracts.listener import Announcing, Listener
from django_convoy.domain.capabilities import Capabilities
from django_convoy.domain.envelope import Envelope, Lease
from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import Done, Verdict

logger = logging.getLogger("django_convoy.brokers")
PUSH_JOBS, PUSH_BYTES = 1000, 8 * 2**20
_DUPLICATE = 11000


class MongoBroker(MongoBrowsing, Reachable, Adopter, Broker, Announcing):
    """MongoDB 4.4 and newer: alone, a replica set, or behind mongos.

    options: `uri`, `database` (or `mongo_db`), `collection`, `watch`, and all that MongoClient
    takes; see `mongodb_options`.
    """

    capabilities = Capabilities(max_body=MAX_BODY)

    def __init__(self, **options: Any) -> None:
        self._options = read_options(options)
        self._server = Connection(self._options)
        self._sweep = Sweep()
        self._claims = Claims()
        self._bells: str | None = None
        self._idling = Idling(self._folder)
        self._outages = 0
        self._found_nothing = False
        self._unsure: set[Claim] = set()
        """What was to be settled when the connection broke: it may have been, or not."""

    # Enqueueing

    def push(self, envelopes: Iterable[Envelope]) -> None:
        """Insert documents; all are encoded before the first is sent.

        A job that is there already (its answer was lost, it is pushed again) is left as it is.
        """
        self._insert([document(one) for one in envelopes])

    def adopt(self, jobs: Sequence[Held]) -> None:
        """Insert documents of jobs that come from another broker, with their attempts and notes:
        those with a `wake_at` are delayed, the buried stay so, all others are ready."""
        self._insert([adopted(one) for one in jobs])

    def _insert(self, documents: Sequence[RawBSONDocument]) -> None:
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
        with self._server.jobs() as jobs:
            if self._found_nothing and self._sweep.is_calm(jobs):
                return []
            queues = list(search.queues)
            self._sweep.run(jobs)
            while found := self._claims.take(jobs, queues, self._sweep.suspects, search):
                if leases := self._read(jobs, found):
                    self._found_nothing = False
                    return leases
        self._found_nothing = True
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
        """Open what hears of changes, or what looks for them where nothing tells."""
        if self._options.watch and self._server.has_streams:
            return MongoListener(self._server, self.next_due)
        return MongoLooker(self._server)

    def use_bells(self, folder: str) -> None:
        """Sleep where a listener wakes us."""
        self._bells = folder

    def _folder(self) -> str | None:
        """Asked also by a signal handler, so without a word to the server."""
        return self._bells

    # Holding and settling

    def renew(self, leases: Sequence[Lease], *, lease: float) -> list[Renewal]:
        """Renew what has its token still. Nothing waits here: there are no locks."""
        if not leases:
            return []
        operations = [renewal(token, job_ids, lease) for token, job_ids in by_token(leases).items()]
        with self._server.jobs() as jobs:
            jobs.bulk_write(operations, ordered=False)
            there = tokens(jobs, [one.id for one in leases])
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
            there = tokens(jobs, [lease.id for lease, _ in settlements])
            held = [pair for pair in settlements if there.get(pair[0].id) == pair[0].token]
            lost = settle(jobs, held)
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
