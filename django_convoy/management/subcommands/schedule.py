"""`convoy schedule`: tasks that are enqueued by themselves."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.framework import DEFAULT_TASK_BACKEND_ALIAS, InvalidTask
from django_convoy.insight.ages import ago, in_words
from django_convoy.management.backends import backend_of
from django_convoy.management.counts import count
from django_convoy.management.output import Output
from django_convoy.management.rules import add_rule, read_rule, rule_flags
from django_convoy.management.spans import span
from django_convoy.management.subcommands.enqueue import read_arguments
from django_convoy.schedules import book_of, from_options
from django_convoy.scheduling.book import Book, words_of
from django_convoy.scheduling.calls import rule_of
from django_convoy.scheduling.deciding import CATCH_UPS, OVERLAPS
from django_convoy.scheduling.declaration import COMMAND
from django_convoy.scheduling.table import Row

ACTIONS = ("list", "add", "show", "next", "pause", "resume", "run", "remove")
OF_ADD = ("intended", "catch_up", "overlap", "queue", "priority", "timeout")
SHOWN = 10
DONE = {"pause": "Paused", "resume": "Resumed"}
NAME_OR_ALL = "name schedules, or say --all"


class Command:
    """One action on schedules of the alias; with --all on those of each, unless one is named."""

    every_backend = True
    without_backend = f"{DEFAULT_TASK_BACKEND_ALIAS}; with --all: all"
    help = "list schedules; schedule add|show|next|pause|resume|run|remove NAME"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the action, its names, and what a new schedule has."""
        parser.add_argument("action", nargs="?", default="list", choices=ACTIONS)
        parser.add_argument(
            "words", nargs="*", metavar="NAME", help="with add: NAME TASK [ARGUMENT ...]"
        )
        parser.add_argument("--all", action="store_true", help="pause, resume: all, of each alias")
        parser.add_argument(
            "-n", type=count, dest="count", metavar="N", help="next, show: so many (default: 10)"
        )
        add_rule(parser)
        parser.add_argument("--catch-up", choices=CATCH_UPS, help="what was missed (default: last)")
        parser.add_argument(
            "--overlap", choices=OVERLAPS, help="while the last run is not over (default: allow)"
        )
        parser.add_argument("--intended", metavar="ARGUMENT", help="gets the intended time")
        parser.add_argument("--queue", help="instead of the task's own queue")
        parser.add_argument("--priority", type=int, help="-100 to 100, higher first")
        parser.add_argument("--timeout", type=span, help="seconds, or a span such as 10m")

    def handle(self, aliases: list[str], options: dict[str, Any], out: Output) -> None:
        """Do it."""
        action = options["action"]
        _refuse_flags(action, options)
        try:
            if options["all"]:
                _turn_all(action, aliases, options, out)
                return
            options = {**options, "backend": options["backend"] or DEFAULT_TASK_BACKEND_ALIAS}
            _DO[action](Book(backend_of(options["backend"]).runtime), options, out)
        except (InvalidSchedule, InvalidTask) as error:
            raise CommandError(str(error)) from error


def _refuse_flags(action: str, options: dict[str, Any]) -> None:
    given = [name for name in (*rule_flags(), *OF_ADD) if options[name] is not None]
    if given and action != "add":
        raise CommandError(f"--{given[0].replace('_', '-')} goes with `schedule add`")
    if options["count"] is not None and action not in ("next", "show"):
        raise CommandError("-n goes with `schedule next` and `schedule show`")
    if options["all"] and action not in ("pause", "resume"):
        raise CommandError("--all goes with `schedule pause` and `schedule resume`")
    if options["words"] and action == "list":
        raise CommandError("`schedule list` takes no names: did you mean `schedule show`?")


def _names(options: dict[str, Any]) -> list[str]:
    words: list[str] = options["words"]
    if not words:
        raise CommandError(f"name a schedule: `schedule {options['action']} NAME`")
    return words


def _name(options: dict[str, Any]) -> str:
    names = _names(options)
    if len(names) > 1:
        raise CommandError(f"`schedule {options['action']}` takes one name, not {len(names)}")
    return names[0]


def _list(book: Book, options: dict[str, Any], out: Output) -> None:
    rows, paused = book.all(), book.paused
    out.data({"paused": paused, "schedules": [_data(row) for row in rows]})
    if paused:
        out.warn("All schedules are paused: `convoy schedule resume --all`.")
    if not rows:
        out.line("No schedules.")
        return
    now = book.table.now()
    out.table(
        ("Name", "Task", "When", "Next", "Last", "State"),
        (
            (
                row.name,
                row.task,
                words_of(row),
                "never" if _next_at(row) is None else ago(_next_at(row), now),
                ago(row.last_at, now) if row.last_at else "never",
                _state(row),
            )
            for row in rows
        ),
    )


def _add(book: Book, options: dict[str, Any], out: Output) -> None:
    words = options["words"]
    if len(words) < 2:
        raise CommandError("say `schedule add NAME TASK [ARGUMENT ...] --cron '0 3 * * *'`")
    name, task, *rest = words
    there = book.table.get(name)
    if there is not None and not there.retired:
        raise CommandError(f"there is a schedule {name!r}: remove it first, or choose another name")
    args, kwargs = read_arguments(rest)
    given: dict[str, Any] = {"task": task, "rule": read_rule(options)}
    given |= {"args": args, "kwargs": kwargs}
    names = {"queue": "queue_name", "catch_up": "catch_up", "overlap": "overlap"}
    for flag in OF_ADD:
        if options[flag] is not None:
            given[names.get(flag, flag)] = options[flag]
    made = from_options(name, given)
    if made.backend != options["backend"]:
        if options["backend"] != DEFAULT_TASK_BACKEND_ALIAS:
            raise CommandError(f"task: {task} belongs to TASKS[{made.backend!r}]")
        raise CommandError(f"task: {task} belongs to TASKS[{made.backend!r}]: say --backend")
    row = book.put(made.declaration(COMMAND))
    out.data(_data(row))
    out.line(f"{row.name}: {words_of(row)}.")
    _show_next(book, row, 3, out)


def _show(book: Book, options: dict[str, Any], out: Output) -> None:
    row, many = book.get(_name(options)), options["count"] or SHOWN
    runs = book.history(row, many)
    out.data({**_data(row), "history": [_run_data(one) for one in runs]})
    for label, value in (
        ("name", row.name),
        ("task", row.task),
        ("when", words_of(row)),
        ("queue", row.queue),
        ("state", _state(row)),
        ("declared", f"{row.origin}, {row.changed_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("catch up", row.catch_up),
        ("overlap", row.overlap),
        ("fired", row.fired),
    ):
        out.line(f"{label + ':':<12} {value}")
    out.line()
    _show_next(book, row, 3, out)
    out.line()
    if not runs:
        out.line("It has not fired yet.")
        return
    out.table(
        ("Intended, UTC", "Late", "Started after", "Outcome", "Job", "Note"),
        (
            (
                f"{one.intended_at:%Y-%m-%d %H:%M:%S}",
                in_words(one.late),
                in_words(one.started_after),
                one.outcome,
                one.job_id,
                one.note,
            )
            for one in runs
        ),
    )


def _next(book: Book, options: dict[str, Any], out: Output) -> None:
    row = book.get(_name(options))
    many = options["count"] or SHOWN
    times = [{"utc": one.utc, "local": one.local} for one in book.next(row, many)]
    out.data({"name": row.name, "words": words_of(row), "next": times})
    out.line(f"{row.name}: {words_of(row)}.")
    _show_next(book, row, many, out)


def _show_next(book: Book, row: Row, many: int, out: Output) -> None:
    times = book.next(row, many)
    if not times:
        out.line("It never fires again.")
        return
    zone = rule_of(row.rule).tz or "UTC"
    out.table(
        ("Next, UTC", zone),
        ((f"{one.utc:%Y-%m-%d %H:%M:%S}", f"{one.local:%a %Y-%m-%d %H:%M:%S %z}") for one in times),
    )
    if row.paused or book.paused:
        out.warn("It is paused: it fires none of these until it is resumed.")


def _pause(book: Book, options: dict[str, Any], out: Output) -> None:
    _turn(options, out, book.pause)


def _resume(book: Book, options: dict[str, Any], out: Output) -> None:
    _turn(options, out, book.resume)


def _turn(options: dict[str, Any], out: Output, each: Callable[[str], Row]) -> None:
    if not options["words"]:
        raise CommandError(NAME_OR_ALL)
    names = [each(name).name for name in options["words"]]
    out.data({"names": names})
    out.line(f"{DONE[options['action']]}: {', '.join(names)}.")


def _turn_all(action: str, aliases: list[str], options: dict[str, Any], out: Output) -> None:
    if options["words"]:
        raise CommandError(NAME_OR_ALL)
    for book in map(book_of, aliases):
        book.pause_all() if action == "pause" else book.resume_all()
    out.data({"all": True, "backends": aliases})
    of = "the site" if not options["backend"] else f"TASKS[{options['backend']!r}]"
    out.line(f"{DONE[action]}: all schedules of {of}.")


def _run(book: Book, options: dict[str, Any], out: Output) -> None:
    job_id = book.run(_name(options))
    out.data({"id": job_id})
    out.line(job_id)


def _remove(book: Book, options: dict[str, Any], out: Output) -> None:
    names = _names(options)
    for name in names:
        book.remove(name)
    out.data({"removed": names})
    out.line(f"Removed: {', '.join(names)}.")


def _state(row: Row) -> str:
    if row.retired:
        return "retired: no longer declared"
    if row.paused:
        return "paused"
    if row.failure:
        return row.failure
    return "over" if row.next_at is None else "active"


def _next_at(row: Row) -> datetime | None:
    return None if row.retired else row.next_at


def _data(row: Row) -> dict[str, Any]:
    names: Iterable[str] = (
        *("name", "task", "queue", "priority", "origin", "catch_up", "overlap", "intended"),
        *("paused", "retired", "next_at", "last_at", "last_job", "fired", "failures", "failure"),
    )
    told = {name: getattr(row, name) for name in names} | {"next_at": _next_at(row)}
    return {**told, "rule": rule_data(row), "words": words_of(row), "state": _state(row)}


def rule_data(row: Row) -> Any:
    """Return a rule as JSON has it, None where it cannot be read."""
    try:
        return rule_of(row.rule).to_json()
    except InvalidSchedule:
        return None


def _run_data(run: Any) -> dict[str, Any]:
    return {name: getattr(run, name) for name in run.__slots__}


_DO: dict[str, Callable[[Book, dict[str, Any], Output], None]] = {
    "list": _list,
    "add": _add,
    "show": _show,
    "next": _next,
    "pause": _pause,
    "resume": _resume,
    "run": _run,
    "remove": _remove,
}
