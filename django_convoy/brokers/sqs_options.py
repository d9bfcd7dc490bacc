"""What a site may say of Amazon SQS in `OPTIONS["broker"]`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from django_convoy.domain.errors import ConfigurationError
from django_convoy.domain.suggest import unknown

MIB = 1024 * 1024
DAY = 86400
_PREFIX = re.compile(r"[A-Za-z0-9_-]{0,30}")
GROUPS = ("job", "task", "queue")
OTHER_NAMES = {
    "aws_region": "region",
    "region_name": "region",
    "profile_name": "profile",
    "receive_message_wait_time_seconds": "wait",
}
"""As boto3 and Django-Q call them."""


@dataclass(frozen=True, slots=True)
class Redrive:
    """When the server sets a job aside by itself: `max_receives` leases of it lapsed.

    queue: the name on the server of where it goes; "": where buried jobs of its queue are.
    """

    max_receives: int
    queue: str = ""


def _option(default: Any, read: Callable[[Any], Any], doc: str) -> Any:
    return field(default=default, metadata={"read": read, "doc": doc, "default": default})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be True or False")
    return value


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return value

    return read


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= DAY:
        raise ValueError("must be seconds, more than 0")
    return float(value)


def _prefix(value: Any) -> str:
    text = _text(value)
    if not _PREFIX.fullmatch(text):
        raise ValueError("must be letters, digits, '-' and '_', at most 30 of them")
    return text


def _group(value: Any) -> str:
    if value not in GROUPS:
        raise ValueError(f"must be one of {', '.join(map(repr, GROUPS))}")
    return str(value)


def _redrive(value: Any) -> Redrive | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or "max_receives" not in value:
        raise ValueError('must be a dict such as {"max_receives": 5, "queue": "dead-letters"}')
    known = {one.name for one in fields(Redrive)}
    for name in value:
        if name not in known:
            raise ValueError(unknown("option", str(name), known))
    return Redrive(_whole(1, 1000)(value["max_receives"]), _text(value.get("queue", "")))


@dataclass(frozen=True, slots=True, kw_only=True)
class SqsOptions:
    """`OPTIONS["broker"]` beside its name."""

    region: str = _option("", _text, "AWS region; empty: as boto3 finds it")
    profile: str = _option("", _text, "a profile of the AWS configuration files")
    aws_access_key_id: str = _option("", _text, "key; without one boto3 looks where it always does")
    aws_secret_access_key: str = _option("", _text, "its secret")
    aws_session_token: str = _option("", _text, "its token, where it is a temporary one")
    aws_account_id: str = _option("", _text, "its account")
    botocore_session: Any = _option(None, lambda value: value, "a botocore session to use")
    endpoint_url: str = _option("", _text, "another server than Amazon's, or a VPC endpoint")
    prefix: str = _option(
        "convoy-", _prefix, "what the names of all queues on the server begin with"
    )
    fifo: bool = _option(False, _flag, "use FIFO queues")
    group: str = _option(
        "job",
        _group,
        "FIFO: whose jobs run one after another: of a 'queue', of a 'task', or none's",
    )
    wait: int = _option(20, _whole(0, 20), "seconds that a server may hold a long poll")
    bulk: int = _option(10, _whole(1, 10), "jobs per request, at most")
    max_message: int = _option(
        MIB, _whole(1024 * 16, MIB), "bytes of a message, and of a batch, at most"
    )
    redrive: Redrive | None = _option(
        None,
        _redrive,
        "dead-letter policy of queues that are made; {'max_receives': 5, 'queue': …}",
    )
    retention: int = _option(
        14 * DAY, _whole(60, 14 * DAY), "seconds that queues which are made keep a waiting job"
    )
    visibility: int = _option(
        30, _whole(0, 43200), "visibility timeout of queues that are made, for others who read them"
    )
    timeout: float = _option(5.0, _seconds, "seconds to wait for a connection, and for an answer")


def read(given: Mapping[str, Any]) -> SqsOptions:
    """Return the options. Raises ConfigurationError that says what is allowed."""
    known = {one.name: one for one in fields(SqsOptions)}
    values: dict[str, Any] = {}
    for said, value in given.items():
        name = OTHER_NAMES.get(said, said)
        if name not in known:
            raise ConfigurationError(unknown("option", said, [*known, *OTHER_NAMES, "name"]))
        if name in values:
            raise ConfigurationError(f"{said}: {name} is given twice, under two names")
        try:
            default = known[name].metadata["default"]
            absent = value is None and default in ("", None)  # as boto3 takes it
            values[name] = default if absent else known[name].metadata["read"](value)
        except ValueError as error:
            shown = "…" if name.startswith("aws_") else repr(value)
            raise ConfigurationError(f"{said}={shown}: {error}") from None
    options = SqsOptions(**values)
    if bool(options.aws_access_key_id) != bool(options.aws_secret_access_key):
        raise ConfigurationError("aws_access_key_id and aws_secret_access_key belong together")
    if options.group != "job" and not options.fifo:
        raise ConfigurationError(
            f"group={options.group!r} needs fifo=True: only FIFO queues have it"
        )
    letters = options.redrive.queue if options.redrive else ""
    if letters and letters.endswith(".fifo") != options.fifo:
        kind = (
            "FIFO, so its name must end" if options.fifo else "standard, so its name must not end"
        )
        raise ConfigurationError(f"redrive: queue={letters!r}: the queues are {kind} in '.fifo'")
    return options
