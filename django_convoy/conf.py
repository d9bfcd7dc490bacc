"""The only reader of settings: `TASKS[alias]["OPTIONS"]` to frozen dataclasses."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from django_convoy.contracts.store import Retention
from django_convoy.domain import options as job_options
from django_convoy.domain.errors import ConfigurationError, InvalidOption
from django_convoy.domain.suggest import unknown

T = TypeVar("T")
Reader = Callable[[Any], Any]
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?\s*", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")
_KEYS = ("BACKEND", "QUEUES", "OPTIONS")
MAX_QUEUE_NAME = 100
MAX_NAMESPACE = 99
"""Together with a colon they fill the column."""
LEAST_LEASE = 1.0


class SettingsError(ConfigurationError, ImproperlyConfigured):
    """A setting that cannot work; the message says where, what, and what to do."""


def option(default: Any, read: Reader, doc: str) -> Any:
    """Declare one option: its default, how it is read, and its line in the documentation."""
    metadata = {"read": read, "doc": doc, "default": default}
    if isinstance(default, dict):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def _whole(least: int) -> Reader:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"must be a whole number from {least} up")
        return value

    return read


def _seconds(value: Any) -> float:
    try:
        return job_options.seconds("it", value)
    except InvalidOption as error:
        raise ValueError(str(error).removeprefix("it ").partition(", not ")[0]) from None


def _lease(value: Any) -> float:
    found = _seconds(value)
    if found < LEAST_LEASE:
        raise ValueError(
            f"must be {LEAST_LEASE:g} second or more: it is renewed every third of it, and a pause "
            "of that length must not look like a death"
        )
    return found


def _duration(value: Any) -> timedelta:
    return timedelta(seconds=_seconds(value))


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be True or False")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def _name(value: Any) -> str:
    fits = isinstance(value, str) and len(value) <= MAX_NAMESPACE
    if not fits or (value and not _NAME.fullmatch(value)):
        raise ValueError(
            "must be letters, digits, '_', '.' or '-', beginning with a letter or digit, "
            f"at most {MAX_NAMESPACE} characters"
        )
    return str(value)


def _one_of(*allowed: str) -> Reader:
    def read(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(map(repr, allowed))}")
        return str(value)

    return read


def _or_none(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def size(value: Any) -> int:
    """Return bytes from an int or a text such as "512M". Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None or not float(match[1]):
        raise ValueError("must be bytes or a text such as '512M' or '1.5G'")
    return int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " "))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """`OPTIONS["worker"]`: how `manage.py convoy worker` runs; its flags come before these."""

    processes: int | None = option(
        None, _or_none(_whole(1)), "worker processes; None: the CPUs this process may use"
    )
    threads: int = option(0, _whole(0), "jobs at a time in threads of each process; 0: none")
    concurrency: int = option(
        0, _whole(0), "jobs at a time on an event loop of each process (`--async`); 0: none"
    )
    max_jobs: int | None = option(
        None, _or_none(_whole(1)), "a process is replaced after so many jobs"
    )
    max_rss: int | None = option(
        None, _or_none(size), 'a process is replaced above this memory: bytes or "512M"'
    )
    timeout: float | None = option(
        None, _or_none(_seconds), "timeout of jobs whose task has none, in seconds"
    )
    affinity: int | None = option(None, _or_none(_whole(1)), "CPUs each process is bound to")
    drain: float = option(
        30.0, _seconds, "seconds that running jobs get when the worker stops; then they are killed"
    )
    long_transaction: float | None = option(
        60.0,
        _or_none(_seconds),
        "a job whose transaction (`atomic`) is open for longer is warned about, once, in the log; "
        "None: never",
    )
    scheduler: bool = option(
        True, _flag, "False: workers fire no schedules (`--no-schedules`); others have to"
    )
    daemonize_workers: bool = option(
        True, _flag, "False: processes that a task started live on when its worker dies"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxOptions:
    """`OPTIONS["outbox"]`: the table in which jobs wait that cannot go to their broker yet."""

    alias: str | None = option(
        None,
        _or_none(_text),
        "the database that has it; None: `default`, if Convoy's tables are there",
    )
    fallback: bool = option(
        False, _flag, "True: a job whose broker cannot be reached waits there, too"
    )
    spill: bool = option(
        False,
        _flag,
        "True: arguments that are too large for the broker stay in a table beside it; False: such "
        "jobs are refused",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`TASKS[alias]["OPTIONS"]`."""

    broker: Mapping[str, Any] = option(
        {"name": "database"},
        lambda v: _named(v),
        'where jobs wait: the name of a broker or {"name": ...}',
    )
    store: Mapping[str, Any] = option(
        {"name": "database"},
        lambda v: _named(v),
        'where results are kept: "database", "cache", "memory", "none" or {"name": ...}',
    )
    enqueue: str = option(
        "outbox",
        _one_of("outbox", "on_commit", "now"),
        'in a transaction that the broker does not join: "outbox" writes the job with it, '
        '"on_commit" sends it after the commit, "now" before',
    )
    outbox: OutboxOptions = option(
        OutboxOptions(), lambda v: read_options(OutboxOptions, v, "outbox"), "see below"
    )
    namespace: str = option(
        "", _name, "part of every queue's name and signature; default: CONVOY_NAMESPACE"
    )
    serializer: str = option("json", _one_of("json", "pickle"), "how arguments are written")
    accept: tuple[str, ...] = option(
        (), lambda v: _accept(v), "further serializers that are read, such as ['pickle']"
    )
    compress_above: int | None = option(
        16 * 1024, _or_none(size), "payloads larger than this are compressed; None: never"
    )
    lease: float = option(15.0, _lease, "seconds until the jobs of a dead host run again")
    on_lost_lease: str = option(
        "finish", _one_of("finish", "kill"), "what happens to a running job whose lease was lost"
    )
    retention: Retention = option(
        Retention(), lambda v: _retention(v), "how long finished jobs are kept"
    )
    task: Mapping[str, Any] = option(
        {}, lambda v: _task_defaults(v), "task options for tasks that do not say themselves"
    )
    schedules: Mapping[str, Mapping[str, Any]] = option(
        {}, lambda v: _schedules(v), "schedules by their names; see How to run tasks on a schedule"
    )
    worker: WorkerOptions = option(WorkerOptions(), lambda v: _worker(v), "see below")


def _named(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return dict(value)
    raise ValueError('must be a name, or a dict such as {"name": "database", "alias": "default"}')


def _accept(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple | set):
        raise ValueError("must be a list of serializers' names")
    read = _one_of("json", "pickle")
    return tuple(read(one) for one in value)


def _retention(value: Any) -> Retention:
    if not isinstance(value, Mapping):
        raise ValueError("must be a dict with successes, failures or newest_successes")
    known = {one.name: one.default for one in fields(Retention)}
    given: dict[str, Any] = {}
    for name, one in value.items():
        if name not in known:
            raise ValueError(unknown("option", str(name), known))
        read = _whole(0) if name == "newest_successes" else _duration
        given[name] = _or_none(read)(one)
    return Retention(**given)


def _schedules(value: Any) -> Mapping[str, Mapping[str, Any]]:
    """Look at the shape; what is in it is read where tasks can be imported."""
    if not isinstance(value, Mapping):
        raise ValueError('must be a dict, {"name": {"task": "path.of.task", "rule": ...}}')
    for name, one in value.items():
        if not isinstance(one, Mapping):
            raise ValueError(f"{name!r} must be a dict with task and rule, not {one!r}")
    return dict(value)


def _worker(value: Any) -> WorkerOptions:
    options = read_options(WorkerOptions, value, "worker")
    if options.threads and options.concurrency:
        raise SettingsError(
            f"worker: threads={options.threads} and concurrency={options.concurrency} exclude each "
            "other: leave one out, and start a second worker with --threads or --async"
        )
    return options


def _task_defaults(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a dict of task options")
    try:
        return {name: job_options.clean(name, one) for name, one in value.items()}
    except InvalidOption as error:
        raise ValueError(str(error)) from None


def read_options(kind: type[T], given: Any, where: str) -> T:
    """Return `kind` made of a user's dict. Raises SettingsError that names the place."""
    if not isinstance(given, Mapping):
        raise SettingsError(f"{where} must be a dict, not {given!r}")
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    values = {}
    for name, value in given.items():
        if name not in known:
            inner = _group_of(name, known)
            if inner is not None:
                raise SettingsError(f"{where}: {name!r} belongs in {where}[{inner!r}]")
            raise SettingsError(f"{where}: {unknown('option', str(name), known)}")
        try:
            values[name] = known[name].metadata["read"](value)
        except SettingsError as error:  # of an option that has options
            raise SettingsError(f"{where}: {error}") from None
        except ValueError as error:
            raise SettingsError(f"{where}: {name}={value!r}: {error}") from None
    return kind(**values)


def _group_of(name: Any, known: Mapping[str, Any]) -> str | None:
    """Return the option that has options of its own, this one among them."""
    for group, one in known.items():
        if is_dataclass(one.default) and any(name == inner.name for inner in fields(one.default)):
            return group
    return None


def parse(alias: str, params: Mapping[str, Any]) -> Options:
    """Return the options of one entry of TASKS. Raises SettingsError."""
    where = f"TASKS[{alias!r}]"
    for key in params:
        if key not in _KEYS:
            raise SettingsError(f"{where}: {unknown('key', str(key), _KEYS)}")
    queues = params.get("QUEUES") or ()
    if isinstance(queues, str) or not isinstance(queues, Iterable):
        raise SettingsError(f"{where}['QUEUES'] must be a list of names, not {queues!r}")
    for queue in queues:
        check_queue_name(queue, f"{where}['QUEUES']")
    given = params.get("OPTIONS") or {}
    options = read_options(Options, given, f"{where}['OPTIONS']")
    if "namespace" in given:
        return options
    shared = {"namespace": getattr(settings, "CONVOY_NAMESPACE", "")}
    namespace = read_options(Options, shared, "CONVOY_NAMESPACE").namespace
    return replace(options, namespace=namespace)


def check_queue_name(name: Any, where: str) -> None:
    """Raise SettingsError unless it can be a queue's name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > MAX_QUEUE_NAME:
        raise SettingsError(
            f"{where}: {name!r} cannot be a queue: use letters, digits, '_', '.' and '-', "
            f"beginning with a letter or digit, at most {MAX_QUEUE_NAME} characters"
        )


def secrets() -> list[bytes]:
    """Return SECRET_KEY, then its fallbacks, as bytes. Django itself refuses an empty key."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [key if isinstance(key, bytes) else str(key).encode() for key in keys]


def cpus() -> list[int]:
    """Return the CPUs this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return sorted(affinity(0)) if affinity else list(range(os.cpu_count() or 1))


def settings_table(kind: type[Any]) -> list[tuple[str, str, str]]:
    """Return (name, default, what it is) of each option, for the documentation."""
    rows = []
    for one in fields(kind):
        default = one.metadata["default"]
        nested = isinstance(default, WorkerOptions | OutboxOptions | Retention)
        rows.append((one.name, "see below" if nested else repr(default), one.metadata["doc"]))
    return rows
