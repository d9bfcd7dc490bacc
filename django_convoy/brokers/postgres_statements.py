"""The hot statements of the PostgreSQL broker. Each is one round trip and one transaction.

Claims read the partial index `(queue, priority DESC, id) WHERE state = 'ready'` in its order and
stop at their limit; rows that somebody else has locked are skipped.
"""

from django_convoy.brokers.database import PUSH_COLUMNS
from django_convoy.brokers.postgres_listener import IS_WANTED, NOTIFY_NOW_IF_WANTED
from django_convoy.db.history import COLUMNS as HISTORY

INSERT = (
    f"INSERT INTO convoy_job ({PUSH_COLUMNS}, attempt, token, worker, note) "
    f"VALUES ({', '.join(['%s'] * 11)}, 0, '', '', '')"
)
INSERT_AND_ASK = f"{INSERT} RETURNING {IS_WANTED}"
"""Returns whether a listener wants to be told of it."""
INSERT_AND_NOTIFY = f"{INSERT} RETURNING {NOTIFY_NOW_IF_WANTED}"
COPY = f"COPY convoy_job ({PUSH_COLUMNS}, attempt, token, worker, note) FROM STDIN"

_LEASE = (
    "UPDATE convoy_job SET state = 'leased', token = %s, worker = %s, started_at = NULL, "
    "attempt = attempt + 1, wake_at = statement_timestamp() + %s * interval '1 second' "
    "WHERE id = ANY(ARRAY({chosen})) "
    "RETURNING id, queue, task, payload, seal, key_id, priority, due AT TIME ZONE 'UTC', "
    "enqueued_at AT TIME ZONE 'UTC', attempt - 1, note"
)
_CHOOSE = (
    "SELECT id FROM convoy_job WHERE state = '{state}' AND queue = %s{beyond} "
    "ORDER BY priority DESC, id LIMIT {limit} FOR UPDATE SKIP LOCKED"
)


def _claim(state: str) -> str:
    return _LEASE.format(chosen=_CHOOSE.format(state=state, beyond="", limit="%s"))


CLAIM = _claim("ready")
"""token, worker, lease, queue, limit."""
CLAIM_SUSPECT = _claim("suspect")
CLAIM_BEYOND = (
    "WITH urgent AS MATERIALIZED ("
    + _CHOOSE.format(state="ready", beyond=" AND priority > %s", limit="%s")
    + "), next AS MATERIALIZED ("
    + _CHOOSE.format(
        state="ready",
        beyond=" AND priority = %s AND priority BETWEEN %s AND %s AND id > %s",
        limit="(%s - (SELECT count(*) FROM urgent))",
    )
    + ") "
    + _LEASE.format(chosen="SELECT id FROM urgent UNION ALL SELECT id FROM next")
)
"""queue, priority, limit, queue, priority three times, id, limit, token, worker, lease: what is
more urgent than a mark, then what follows it.

The priority is said twice for planners, who expect next to nothing of a range: else the primary
key, in whose order the jobs of one priority are, looks cheaper to them, and with it the claim
walks over all that other queues, delays and leases hold beyond the mark.
"""

DELETE = (
    "DELETE FROM convoy_job AS job USING unnest(%s::text[], %s::text[]) AS gone(id, token) "
    "WHERE job.id = gone.id AND job.token = gone.token RETURNING job.id, job.token"
)
"""ids and tokens, by id: in that order rows are locked."""

_MOMENT = "%s::timestamptz + {} * interval '1 microsecond'"
_SENT = {
    "status": "%s",
    "started_at": _MOMENT.format("over.started"),
    "finished_at": "over.finished_at",
    "worker": "%s",
    "result": "over.result",
    "note": "%s",
    "expires_at": "over.finished_at + %s * interval '1 second'",
}
_SENT_ONE = {
    "status": "%s",
    "started_at": "%s::timestamptz",
    "finished_at": "%s::timestamptz",
    "worker": "%s",
    "result": "%s",
    "note": "%s",
    "expires_at": "%s::timestamptz",
}


_DELETE_ONE = "DELETE FROM convoy_job AS job WHERE job.id = %s AND job.token = %s"


def _move(deletion: str, sent: dict[str, str], replace_failure: str, returned: str = "id") -> str:
    """Return the statement that moves what it deletes into the history. What was enqueued is
    copied by the server; only what came of it is sent."""
    values = ", ".join(sent.get(name, f"job.{name}") for name in HISTORY)
    return (
        f"WITH gone AS ({deletion} RETURNING {values}), "
        f"kept AS (INSERT INTO convoy_history ({', '.join(HISTORY)}) "
        f"SELECT * FROM gone{replace_failure}) "
        f"SELECT {returned} FROM gone"
    )


def finish(replace_failure: str) -> str:
    """Return the statement for jobs of one token, status and so on: those are sent once.

    Parameters: base, ids, results, microseconds from the base to the start and to the end; token,
    status, base, worker, note, seconds to keep.
    """
    deletion = (
        "DELETE FROM convoy_job AS job USING ("
        f"SELECT id, result, started, {_MOMENT.format('finished')} AS finished_at "
        "FROM unnest(%s::text[], %s::text[], %s::int8[], %s::int8[]) "
        "AS sent(id, result, started, finished)) AS over "
        "WHERE job.id = over.id AND job.token = %s"
    )
    return _move(deletion, _SENT, replace_failure)


def finish_one(replace_failure: str) -> str:
    """Return the statement for one job, which is planned in half the time.

    Parameters: id, token, then what `_SENT_ONE` names.
    """
    return _move(_DELETE_ONE, _SENT_ONE, replace_failure)


def finish_or_fail(replace_failure: str) -> str:
    """Return `finish_one` as it can stand before a COMMIT: it divides by zero if the lease is
    lost."""
    return _move(_DELETE_ONE, _SENT_ONE, replace_failure, "1 / count(*)")


LOOK = (
    "SELECT EXISTS (SELECT 1 FROM convoy_job WHERE state IN ('delayed', 'leased') "
    "AND wake_at <= statement_timestamp() AND wake_at > %s), "
    "EXISTS (SELECT 1 FROM convoy_job WHERE state = 'suspect'), statement_timestamp()"
)
"""Whether something fell due or lapsed since a time, whether there are suspects; and the time."""

MARK_STARTED = (
    "UPDATE convoy_job AS job SET started_at = held.at FROM (SELECT row.id, began.at "
    "FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS began(id, token, at) "
    "JOIN convoy_job AS row ON row.id = began.id AND row.token = began.token "
    "FOR UPDATE OF row SKIP LOCKED) AS held WHERE job.id = held.id"
)
"""Waits for nobody: what is locked is being settled. So the order of its locks does not matter,
and where sorts are avoided, asking for one meant a walk through all jobs by their ids."""


def _queues(state: str) -> str:
    """Hop from queue to queue in an index: costs what the queues are, not what the jobs are."""
    first = f"SELECT queue FROM convoy_job WHERE state = '{state}' ORDER BY queue LIMIT 1"
    then = (
        f"SELECT job.queue FROM convoy_job AS job WHERE job.state = '{state}' "
        "AND job.queue > hop.queue ORDER BY job.queue LIMIT 1"
    )
    hops = f"({first}) UNION ALL SELECT ({then}) FROM hop WHERE hop.queue IS NOT NULL"
    return f"(WITH RECURSIVE hop AS ({hops}) SELECT queue FROM hop WHERE queue IS NOT NULL)"


READY_QUEUES = (
    f"{_queues('ready')} UNION {_queues('suspect')} UNION "
    "(SELECT queue FROM convoy_job WHERE state IN ('delayed', 'leased') "
    "AND wake_at <= statement_timestamp() AND wake_at > %s LIMIT 200)"
)
"""The queues that have work now, or will once a sweep was made; since when to look for those."""
