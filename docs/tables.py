"""Writes the tables of the reference that say what the code says: `python docs/tables.py`.

They stand in the pages between `<!-- table: NAME -->` and `<!-- end -->`. A test compares them.
"""

import argparse
import importlib
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
from django.conf import settings

HERE = Path(__file__).resolve().parent
REFERENCE = HERE / "reference"
PLACE = re.compile(r"(<!-- table: ([\w ]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)

RETENTION = {
    "successes": "how long records of jobs that succeeded are kept",
    "failures": "how long records of all others are kept",
    "newest_successes": "at most so many successes are kept, the newest",
}
COLUMNS = {
    "id": "32 hexadecimal digits, in the order of enqueueing",
    "queue": "with the namespace in front: `namespace:queue`",
    "priority": "-100 to 100, higher first",
    "enqueued_at": "when it was enqueued",
    "attempt": "runs that may have started",
    "status": "how it ended",
    "result": "the value returned; NULL when there is none or it is not kept",
    "finished_at": "when it ended",
    "task": "path of the task function",
    "payload": "arguments; JSON, or base64 when packed",
    "seal": "format and signature",
    "key_id": "digest of the key it is signed with",
    "due": "not to be run before this",
    "note": "errors and what else happened in earlier runs; JSON",
    "backend": "alias of `TASKS`",
    "name": "from `--name`, else host and pid",
    "host": "where it runs",
    "pid": "of the supervisor",
    "queues": "what it serves, as `--queues` takes it",
    "version": "of Convoy",
    "seen_at": "when it last reported",
    "state": "running or stopping",
}
SCHEDULE = {
    "id": "a number",
    "namespace": "of the site; empty: it has none",
    "priority": "-100 to 100, higher first",
    "created_at": "when it was first declared",
}
FIRING = {"id": "a number", "schedule": "`id` of its schedule"}
SITE = {"id": "a number", "namespace": "of the site; empty: it has none"}
OVER = {"started_at": "when its last run began"}
SENT = {"queue": "with the namespace in front"}
BORN = {"started_at": "when it was started", "id": "host, pid and backend"}


def table(headings: list[str], rows: Iterator[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in lines
    )


def _options(kind: type[Any]) -> str:
    conf = importlib.import_module("django_convoy.conf")
    rows = ((f"`{n}`", _default(d), doc) for n, d, doc in conf.settings_table(kind))
    return table(["Option", "Default", "Meaning"], rows)


def _default(text: str) -> str:
    return text if text == "see below" else f"`{text}`"


def task_options() -> str:
    """Return what the docstring of JobOptions says of each option."""
    options = importlib.import_module("django_convoy.domain.options")
    meaning = _documented(options.JobOptions)
    rows = (
        (f"`{n}`", f"`{_short(getattr(options.DEFAULTS, n))}`", one) for n, one in meaning.items()
    )
    return table(["Option", "Default", "Meaning"], rows)


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(one.__name__ for one in value)})"
    return repr(value)


def _documented(kind: type[Any]) -> dict[str, str]:
    """Return what a class's docstring says of each field."""
    names = [field.name for field in fields(kind)]
    parts = re.split(rf"\b({'|'.join(names)}): ", " ".join((kind.__doc__ or "").split()))
    return dict(zip(parts[1::2], (part.strip(" .") for part in parts[2::2]), strict=True))


def capabilities() -> str:
    """Return what each capability means."""
    kind = importlib.import_module("django_convoy.domain.capabilities").Capabilities
    rows = ((f"`{name}`", meaning) for name, meaning in _documented(kind).items())
    return table(["Capability", "Promise"], rows)


def brokers() -> str:
    """Return what each broker can do, as its class says."""
    known = importlib.import_module("django_convoy.brokers").BROKERS
    classes = importlib.import_module("django_convoy.assembly").broker_class
    kind = importlib.import_module("django_convoy.domain.capabilities").Capabilities
    names = [field.name for field in fields(kind)]
    rows = (
        (f"`{name}`", *(_can(getattr(classes(name).capabilities, one)) for one in names))
        for name in known
    )
    return table(["Broker", *(one.replace("_", " ") for one in names)], rows)


def _can(value: Any) -> str:
    if isinstance(value, timedelta):
        return str(value) if value else "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,} bytes"
    return {True: "yes", False: "no", None: "-", "default": "yes"}.get(value, str(value))


def worker_options() -> str:
    return _options(importlib.import_module("django_convoy.conf").WorkerOptions)


def outbox_options() -> str:
    return _options(importlib.import_module("django_convoy.conf").OutboxOptions)


def options() -> str:
    return _options(importlib.import_module("django_convoy.conf").Options)


def retention() -> str:
    kind = importlib.import_module("django_convoy.contracts.store").Retention
    rows = ((f"`{f.name}`", f"`{_span(f.default)}`", RETENTION[f.name]) for f in fields(kind))
    return table(["Option", "Default", "Meaning"], rows)


def _span(value: Any) -> str:
    return repr(value) if value is None else f"timedelta(days={value.days})"


def commands() -> str:
    """Return a part for each subcommand."""
    command = importlib.import_module("django_convoy.management.commands.convoy")
    parts = []
    for name in command.names():
        subcommand = command.load(name)
        parser = argparse.ArgumentParser(add_help=False)
        subcommand.add_arguments(parser)
        summary = subcommand.help[0].upper() + subcommand.help[1:]
        rows = [(f"`{_flag(one)}`", _help(one)) for one in parser._actions]
        listed = "\n" + table(["Argument", "Meaning"], iter(rows)) if rows else ""
        parts.append(f"\n## convoy {name}\n\n{summary}.\n{listed}")
    return "".join(parts) + "\n"


def _flag(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    return f"{', '.join(action.option_strings)} {value}".strip()


def _help(action: argparse.Action) -> str:
    choices = ", ".join(filter(None, action.choices or ()))
    return ": ".join(filter(None, [(action.help or "").replace("%%", "%"), choices]))


def errors() -> str:
    """Return every exception that Convoy raises on purpose."""
    module = importlib.import_module("django_convoy.domain.errors")
    public = importlib.import_module("django_convoy").__all__
    plain = (module.ConvoyError, Exception)
    kinds = [one for one in vars(module).values() if isinstance(one, type)]

    def rows() -> Iterator[tuple[str, ...]]:
        for kind in kinds:
            known = kind.__name__ in public
            name = kind.__name__ if known else f"domain.errors.{kind.__name__}"
            bases = [f"`{one.__name__}`" for one in kind.__bases__ if one not in plain]
            summary = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
            yield f"`{name}`", ", ".join(bases), summary.rstrip(".")

    return table(["Error", "Is also", "Meaning"], rows())


def _columns(name: str, own: dict[str, str]) -> Callable[[], str]:
    def columns() -> str:
        model = getattr(importlib.import_module("django_convoy.models"), name)
        rows = (
            (f"`{one.column}`", own.get(one.name) or one.help_text or COLUMNS[one.name])
            for one in model._meta.concrete_fields
        )
        return table(["Column", "Meaning"], rows)

    return columns


TABLES: dict[str, Callable[[], str]] = {
    "task options": task_options,
    "Options": options,
    "OutboxOptions": outbox_options,
    "WorkerOptions": worker_options,
    "capabilities": capabilities,
    "brokers": brokers,
    "Retention": retention,
    "commands": commands,
    "errors": errors,
    "LiveJob": _columns("LiveJob", {}),
    "FinishedJob": _columns("FinishedJob", OVER),
    "OutboxJob": _columns("OutboxJob", SENT),
    "SpilledPayload": _columns("SpilledPayload", {}),
    "WorkerProcess": _columns("WorkerProcess", BORN),
    "StoredSchedule": _columns("StoredSchedule", SCHEDULE),
    "Firing": _columns("Firing", FIRING),
    "ScheduleSite": _columns("ScheduleSite", SITE),
}


def written(text: str) -> str:
    """Return a page with its tables as they have to be."""
    return PLACE.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


def main() -> None:
    """Write all pages."""
    sys.path.insert(0, str(HERE.parent))
    settings.configure(INSTALLED_APPS=["django_convoy"], SECRET_KEY="for nothing")  # noqa: S106
    django.setup()
    for page in REFERENCE.glob("*.md"):
        page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
