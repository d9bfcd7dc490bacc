"""What becomes of held jobs: who holds what, and a batch of verdicts as one command each."""

from collections.abc import Iterable, Sequence
from typing import Any

from pymongo import DeleteMany, UpdateMany

from django_convoy.brokers.mongodb_connection import Jobs
from django_convoy.brokers.mongodb_statements import Pipeline, matching, put_back
from django_convoy.domain.envelope import Lease
from django_convoy.domain.verdict import Again, Bury, Done, Verdict

Claim = tuple[str, str]
"""A job's id and the token of one claim."""


def by_token(leases: Iterable[Lease]) -> dict[str, list[str]]:
    """Return the ids of each claim's jobs."""
    found: dict[str, list[str]] = {}
    for one in leases:
        found.setdefault(one.token, []).append(one.id)
    return found


def tokens(jobs: Jobs, job_ids: Sequence[str]) -> dict[str, Any]:
    """Return the token of each job that is there; None where nobody holds it."""
    found = jobs.find({"_id": {"$in": list(job_ids)}}, {"token": 1}, hint="_id_")
    return {row["_id"]: row.get("token") for row in found}


def settle(jobs: Jobs, held: Sequence[tuple[Lease, Verdict]]) -> set[Claim]:
    """Settle what was held a moment ago; return what was lost meanwhile."""
    done = [lease for lease, verdict in held if isinstance(verdict, Done)]
    again: dict[str, tuple[Pipeline, list[Lease]]] = {}
    for lease, verdict in held:
        if isinstance(verdict, Again | Bury):
            pipeline = put_back(verdict)
            again.setdefault(repr(pipeline), (pipeline, []))[1].append(lease)
    operations: list[DeleteMany | UpdateMany] = [
        DeleteMany(matching(token, job_ids), hint="_id_")
        for token, job_ids in by_token(done).items()
    ]
    for pipeline, leases in again.values():
        operations += [
            UpdateMany(matching(token, job_ids), pipeline, hint="_id_")
            for token, job_ids in by_token(leases).items()
        ]
    if not operations:
        return set()
    answer = jobs.bulk_write(operations, ordered=False)
    if answer.deleted_count + answer.matched_count == len(held):
        return set()
    # Some lease lapsed, and was taken over, between the look and this: very seldom.
    there = tokens(jobs, [lease.id for lease, _ in held])
    return {
        (lease.id, lease.token)
        for lease, verdict in held
        if (lease.id in there if isinstance(verdict, Done) else there.get(lease.id, "") is not None)
    }
