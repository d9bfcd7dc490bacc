"""Answers a test's questions inside the site: one line of JSON in, one out."""

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import django

django.setup()

from django.db import connection, transaction  # noqa: E402
from django.utils.module_loading import import_string  # noqa: E402

from django_convoy.domain.verdict import DONE  # noqa: E402
from django_convoy.framework import task_backends  # noqa: E402
from django_convoy.models import StoredSchedule  # noqa: E402
from django_convoy.runtime import runtime_of  # noqa: E402
from django_convoy.schedules import book_of  # noqa: E402
from django_convoy.schedules import schedule as make_schedule  # noqa: E402


def _task(name: str, options: dict[str, Any]) -> Any:
    path = name if "." in name else f"tests.worker.project.tasks.{name}"
    task = import_string(path)
    if "run_after" in options:
        options["run_after"] = timedelta(seconds=options["run_after"])
    return task.using(**options) if options else task


def enqueue(name: str, calls: list[list[Any]], options: dict[str, Any]) -> list[str]:
    return list(_task(name, options).enqueue_many([tuple(call) for call in calls]))


def enqueue_in_transaction(name: str, calls: list[list[Any]], commit: bool) -> None:
    with transaction.atomic():
        chosen = _task(name, {})
        if len(calls) == 1:
            chosen.enqueue(*calls[0])
        else:
            list(chosen.enqueue_many([tuple(call) for call in calls]))
        transaction.set_rollback(not commit)


def result(job_id: str) -> dict[str, Any]:
    found = task_backends["default"].get_result(job_id)
    return {
        "status": found.status.name,
        "detail": found.detail,
        "waiting": found.waiting,
        "attempts": found.attempts,
        "value": found.return_value if found.status.name == "SUCCESSFUL" else None,
        "started": found.started_at,
        "errors": [
            {
                "path": one.exception_class_path,
                "message": one.message,
                "traceback": one.traceback,
                "attempt": one.attempt,
            }
            for one in found.errors
        ],
    }


def sql(statement: str, params: list[Any]) -> list[list[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return [list(row) for row in cursor.fetchall()] if cursor.description else []


def left() -> int:
    """How many jobs the broker has, in any state."""
    runtime = runtime_of("default")
    counts = runtime.shared.broker.counts(runtime.full_name("default"))
    return counts.ready + counts.delayed + counts.leased + counts.buried


def schedule(
    names: list[str], task: str, rule: dict[str, Any], args: list[Any], options: dict[str, Any]
) -> None:
    """Make a schedule of each name; "NAME" among the arguments is replaced by it."""
    using = options.pop("using", {})
    for name in names:
        own = [name if one == "NAME" else one for one in args]
        make_schedule(name, _task(task, using), rule, args=own, **options)


def copies(name: str, count: int) -> None:
    """Copy a schedule; the copies' seals fit nothing, so they are not to be fired."""
    one = StoredSchedule.objects.get(name=name)
    values = {field.attname: getattr(one, field.attname) for field in one._meta.concrete_fields}
    made = (StoredSchedule(**{**values, "id": None, "name": f"copy-{n}"}) for n in range(count))
    StoredSchedule.objects.bulk_create(made, batch_size=500)


def book(verb: str, args: list[Any]) -> None:
    """Pause, resume or remove a schedule."""
    getattr(book_of("default"), verb)(*args)


def ids(alias: str) -> list[str]:
    """The jobs of a backend, in its broker and in its outbox."""
    view = runtime_of(alias).shared.view
    assert view is not None
    return [held.envelope.id for held in view.jobs(limit=100_000)]


def drain(alias: str) -> list[str]:
    """Take all jobs of a backend that are ready, and those in its outbox; one may come twice."""
    runtime = runtime_of(alias)
    broker, table = runtime.shared.broker, runtime.shared.outbox
    found, empty = [], 0
    while empty < 2:
        full = runtime.full_name("default")
        leases = broker.claim([full], limit=50, lease=60, worker="drain", wait=1)
        broker.settle([(one, DONE) for one in leases])
        found += [one.id for one in leases]
        empty = 0 if leases else empty + 1
    if table is not None:
        found += [row.envelope.id for row in table.jobs(limit=100_000)]
    return found


def _shown(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)


VERBS: dict[str, Callable[..., Any]] = {
    "enqueue": enqueue,
    "enqueue_in_transaction": enqueue_in_transaction,
    "result": result,
    "sql": sql,
    "left": left,
    "schedule": schedule,
    "book": book,
    "copies": copies,
    "ids": ids,
    "drain": drain,
}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the site prints is not an answer
    for line in sys.stdin:
        verb, args = json.loads(line)
        try:
            answer = {"ok": VERBS[verb](*args)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer, default=_shown) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
