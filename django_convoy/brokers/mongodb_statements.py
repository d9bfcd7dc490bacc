"""What a claim and a settle tell the server to do: pipelines, so that its clock decides."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import UpdateMany

from django_convoy.brokers.mongodb_documents import note_text
from django_convoy.domain.envelope import Note
from django_convoy.domain.verdict import Again, Bury

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
Pipeline = list[dict[str, Any]]
OLDEST = [("priority", -1), ("_id", 1)]
_ATTEMPT = {"$convert": {"input": "$attempt", "to": "int", "onError": 0, "onNull": 0}}
_HELD = ["token", "worker", "started_at", "suspect"]
"""What a document has only while it is leased, or while it waits as a suspect."""


def _in(seconds: float) -> dict[str, Any]:
    """Return the server's time so many seconds from now."""
    return {"$add": ["$$NOW", int(seconds * 1000)]}


def lease(token: str, worker: str, seconds: float) -> Pipeline:
    """Hold a job, and count the attempt."""
    fields = {
        "state": "leased",
        "token": token,
        "worker": {"$literal": worker},
        "attempt": {"$add": [_ATTEMPT, 1]},
        "wake_at": _in(seconds),
    }
    return [{"$set": fields}]


def renewal(token: str, job_ids: Sequence[str], seconds: float) -> UpdateMany:
    """Hold jobs of one claim for longer."""
    return UpdateMany(matching(token, job_ids), [{"$set": {"wake_at": _in(seconds)}}], hint="_id_")


def matching(token: str, job_ids: Sequence[str]) -> dict[str, Any]:
    """Match those jobs that a claim still has; only leased ones have a token."""
    return {"_id": {"$in": list(job_ids)}, "token": token}


def put_back(verdict: Again | Bury) -> Pipeline:
    """Hand a job back: ready, later, as a suspect, or set aside."""
    note: Note = verdict.note
    fields: dict[str, Any] = {"attempt": _ATTEMPT}
    gone = list(_HELD)
    if isinstance(verdict, Bury):
        fields["state"] = "buried"
    elif verdict.delay > 0:
        fields |= {"state": "delayed", "wake_at": _in(verdict.delay), "suspect": note.suspect}
        gone.remove("suspect")
    else:
        fields["state"] = "suspect" if note.suspect else "ready"
    if "wake_at" not in fields:
        gone.append("wake_at")
    if isinstance(verdict, Again) and verdict.refund:
        fields["attempt"] = {"$subtract": [_ATTEMPT, 1]}
    if note.to_json():
        fields["note"] = {"$literal": note_text(note)}
    else:
        gone.append("note")
    return [{"$set": fields}, {"$unset": gone}]


def unheard(tokens: Iterable[str]) -> dict[str, Any]:
    """Match what was claimed under these tokens, by the index of what has a time."""
    return {"wake_at": {"$gt": LONG_AGO}, "state": "leased", "token": {"$in": list(tokens)}}


def give_back() -> Pipeline:
    """Make a claim undone."""
    fields = {"state": "ready", "attempt": {"$subtract": [_ATTEMPT, 1]}}
    return [{"$set": fields}, {"$unset": [*_HELD, "wake_at"]}]


def anything(collection: str) -> Pipeline:
    """Look into the indexes for one job that is ready, one suspect and the next that wakes, with
    the milliseconds `left` until then."""
    left = {"$subtract": ["$wake_at", "$$NOW"]}
    is_date = {"$eq": [{"$type": "$wake_at"}, "date"]}  # whatever others put there
    next_one = [
        {"$match": {"wake_at": {"$gt": LONG_AGO}}},
        {"$sort": {"wake_at": 1}},
        {"$limit": 1},
        {"$project": {"_id": 0, "left": {"$cond": [is_date, left, 0]}}},
    ]
    return [
        *_first_in("ready"),
        {"$unionWith": {"coll": collection, "pipeline": _first_in("suspect")}},
        {"$unionWith": {"coll": collection, "pipeline": next_one}},
    ]


def _first_in(state: str) -> Pipeline:
    return [{"$match": {"state": state}}, {"$limit": 1}, {"$project": {"_id": 0, "state": 1}}]


def set_aside(why: str) -> Pipeline:
    """Bury what is no job of Convoy."""
    fields = {"state": "buried", "note": {"$literal": note_text(Note(ended=why))}}
    return [{"$set": fields}, {"$unset": [*_HELD, "wake_at"]}]


def now_due() -> Pipeline:
    """Make a delayed job ready, or a suspect again if it was one."""
    state = {"$cond": [{"$eq": ["$suspect", True]}, "suspect", "ready"]}
    return [{"$set": {"state": state}}, {"$unset": ["wake_at", "suspect"]}]


def lapsed(note: Note) -> Pipeline:
    """Make a suspect of a job whose holder is gone."""
    fields = {"state": "suspect", "note": {"$literal": note_text(note)}}
    return [{"$set": fields}, {"$unset": [*_HELD, "wake_at"]}]
