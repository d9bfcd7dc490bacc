"""Looking at the jobs in MongoDB, and changing those that nobody holds."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from django_convoy.brokers.mongodb_connection import (
    BURIED,
    READY,
    SUSPECT,
    WAKING,
    Connection,
    Jobs,
)
from django_convoy.brokers.mongodb_documents import Document, held_of
from django_convoy.brokers.mongodb_statements import LONG_AGO
from django_convoy.brokers.mongodb_sweep import due_queues, queues_in
from django_convoy.contracts.broker import Browsable, Counts, Held
from django_convoy.domain.envelope import Envelope

CHUNK = 1000
_REVIVED = {
    "$set": {"state": "ready", "attempt": 0},
    "$unset": {"wake_at": 1, "note": 1, "suspect": 1},
}
_INDEX_OF = {"ready": READY, "suspect": SUSPECT, "buried": BURIED}


class MongoBrowsing(Browsable):
    """The role `Browsable` of the MongoDB broker, counts and purges."""

    _server: Connection

    def find(self, job_id: str) -> Held | None:
        """One document, by its id."""
        with self._server.jobs() as jobs:
            found = jobs.find_one({"_id": job_id})
        return None if found is None else held_of(found)

    def jobs(self, *, queue: str = "", state: str = "", limit: int = 100) -> Iterator[Held]:
        """Documents in the order of their ids, which is that of their age."""
        wanted = {name: value for name, value in (("queue", queue), ("state", state)) if value}
        with self._server.jobs() as jobs:
            found = list(jobs.find(wanted).sort("_id", 1).limit(limit)) if limit > 0 else []
        return map(held_of, found)

    def remove(self, job_id: str) -> Envelope | None:
        """Delete a document that nobody holds."""
        with self._server.jobs() as jobs:
            found = jobs.find_one_and_delete({"_id": job_id, "state": {"$ne": "leased"}})
        return None if found is None else held_of(found).envelope

    def revive(self, job_id: str) -> bool:
        """Make a document that waits or is set aside ready, with a clean note."""
        waiting = {"$in": ["buried", "delayed", "suspect"]}
        with self._server.jobs() as jobs:
            return jobs.update_one({"_id": job_id, "state": waiting}, _REVIVED).matched_count > 0

    def counts(self, queue: str) -> Counts:
        """Count in the indexes; no document is read."""
        with self._server.jobs() as jobs:
            return _counted(jobs, {"queue": queue}).get(queue, Counts())

    def queues(self) -> Mapping[str, Counts]:
        """Count by queue and state, in the indexes."""
        with self._server.jobs() as jobs:
            return dict(sorted(_counted(jobs, {}).items()))

    def ready_queues(self) -> list[str]:
        """Hop through the indexes of what can be claimed, and look at what falls due."""
        with self._server.jobs() as jobs:
            names = [*queues_in(jobs, "ready"), *queues_in(jobs, "suspect"), *due_queues(jobs)]
        return list(dict.fromkeys(names))

    def purge(self, queue: str) -> int:
        """Delete what nobody holds, a thousand at a time."""
        with self._server.jobs() as jobs:
            return _removed(jobs, queue, ["delayed"])

    def delete(self, queue: str) -> int:
        """Delete all jobs of a queue, also those that somebody holds: they lose their lease."""
        with self._server.jobs() as jobs:
            return _removed(jobs, queue, ["delayed", "leased"])


def _counted(jobs: Jobs, wanted: Document) -> dict[str, Counts]:
    found: dict[str, dict[str, int]] = {}
    looks: list[tuple[str, Document]] = [
        (index, {"state": state, **wanted}) for state, index in _INDEX_OF.items()
    ]
    looks.append((WAKING, {"wake_at": {"$gt": LONG_AGO}, **wanted}))
    for index, query in looks:
        group = {"_id": {"queue": "$queue", "state": "$state"}, "count": {"$sum": 1}}
        for row in jobs.aggregate([{"$match": query}, {"$group": group}], hint=index):
            queue, state = row["_id"].get("queue"), row["_id"].get("state")
            name = "ready" if state == "suspect" else state
            if isinstance(queue, str) and name in ("ready", "delayed", "leased", "buried"):
                states = found.setdefault(queue, {})
                states[name] = states.get(name, 0) + row["count"]
    return {queue: Counts(**states) for queue, states in found.items()}


def _removed(jobs: Jobs, queue: str, waking: Sequence[str]) -> int:
    """Delete jobs of a queue: all that wait, and those with a time that are in these states."""
    looks: list[tuple[str, Document]] = [
        (index, {"state": state, "queue": queue}) for state, index in _INDEX_OF.items()
    ]
    for state in waking:
        looks.append((WAKING, {"wake_at": {"$gt": LONG_AGO}, "state": state, "queue": queue}))
    removed = 0
    for index, query in looks:
        ids = (row["_id"] for row in jobs.find(query, {"_id": 1}, hint=index, batch_size=CHUNK))
        while chunk := list(islice(ids, CHUNK)):
            wanted = {"_id": {"$in": chunk}, "state": query["state"]}
            removed += jobs.delete_many(wanted, hint="_id_").deleted_count
    return removed
