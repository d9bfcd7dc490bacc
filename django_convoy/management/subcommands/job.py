"""`convoy job ID`: everything that is known of one job."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from django_convoy.domain import clock
from django_convoy.insight.ages import ago, in_words
from django_convoy.insight.jobs import Detail, find
from django_convoy.management.output import Output
from django_convoy.runtime import Runtime


class Command:
    """Shows one job, live or finished."""

    help = "everything that is known of one job"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the job's id."""
        parser.add_argument("id", help="the job's id")

    def handle(self, runtime: Runtime, options: dict[str, Any], out: Output) -> None:
        """Show it."""
        job = find(runtime, options["id"])
        if job is None:
            raise CommandError(
                f"there is no job {options['id']!r} in TASKS[{runtime.alias!r}]: "
                "never enqueued here, or its record was pruned"
            )
        out.data({**asdict(job), "note": job.note.to_json()})
        out.title(f"Job {job.id}")
        for name, value in _lines(job):
            if value not in ("", "-"):
                out.line(f"{name + ':':<12} {value}")
        for error in job.note.errors:
            out.line()
            at = error.get("at")
            when = _local(datetime.fromisoformat(at)) if at else "-"
            out.line(out.style.ERROR(f"Attempt {error.get('attempt')}, {when}"))
            trace = error.get("traceback") or ""
            message = f"{error.get('exception_class_path')}: {error.get('message')}"
            out.line(trace.rstrip() or message)


def _lines(job: Detail) -> list[tuple[str, str]]:
    now = clock.now()

    def when(time: Any) -> str:
        return "-" if time is None else f"{_local(time)} ({ago(time, now)})"

    took = job.finished_at - job.started_at if job.finished_at and job.started_at else None
    waits_for = {"delayed": "due", "leased": "lease until"}.get(job.state, "wakes")
    lines = [
        ("task", job.task),
        ("queue", job.queue),
        ("state", job.state),
        ("attempt", str(job.attempt)),
        ("priority", str(job.priority)),
        ("enqueued", when(job.enqueued_at)),
        ("not before", when(job.due)),
        (waits_for, when(job.wake_at)),
        ("started", when(job.started_at)),
        ("finished", when(job.finished_at)),
        ("took", in_words(took)),
        ("worker", job.worker),
        ("ran on", ", ".join(job.note.workers)),
        ("waits", job.note.waiting),
        ("last end", job.note.ended),
        ("failures", str(job.note.failures or "")),
        ("crashes", str(job.note.crashes or "")),
        ("suspect", "whatever held it before died with it" if job.note.suspect else ""),
        ("key", job.key_id),
    ]
    if job.call is not None:
        lines += [("arguments", _call(job))]
        lines += [(f"  {name}", repr(value)) for name, value in job.call.options.items()]
    if job.unreadable:
        lines += [("unreadable", job.unreadable)]
    if job.has_result:
        lines += [("result", repr(job.result))]
    return lines


def _local(time: datetime) -> str:
    """Return an aware time as this site's clocks show it, with its offset."""
    return timezone.localtime(time).isoformat(" ", "seconds")


def _call(job: Detail) -> str:
    if job.call is None:
        return ""
    parts = [repr(one) for one in job.call.args]
    parts += [f"{name}={value!r}" for name, value in job.call.kwargs.items()]
    return f"({', '.join(parts)})"
