"""What `OPTIONS["broker"]` may say for MongoDB: names of our own, and all of MongoClient's."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from pymongo import MongoClient
from pymongo import errors as pymongo_errors
from pymongo.common import VALIDATORS
from pymongo.database import Database

from django_convoy.domain.errors import ConfigurationError
from django_convoy.domain.suggest import instead, unknown

DATABASE = "django-q"
"""Where jobs are if neither the options nor the URI name a database; as Django-Q has it."""
COLLECTION = "convoy_jobs"
SAFE: Mapping[str, Any] = {
    # What was acknowledged survives a crash of the server and an election.
    "w": "majority",
    "journal": True,
    # No call hangs longer, whatever happens to the server.
    "timeoutMS": 5000,
    # An outage must be noticed, and not waited for inside the driver: whoever was cut off leaves
    # lapsed leases alone for a while, and says so.
    "retryReads": False,
    "appname": "django-convoy",
}
"""Options of MongoClient, where a site does not say otherwise."""
_POSITIONAL = ("host", "port", "document_class", "tz_aware", "connect", "type_registry")
_OWN = ("uri", "database", "mongo_db", "collection", "watch", "name")
_SECRET = re.compile(r"//[^@/]*@")


@dataclass(frozen=True, slots=True)
class MongoOptions:
    """client: arguments of MongoClient. database: its name, "" for the URI's or the default.

    watch: whether a worker tree hears of new jobs by a change stream, where there are any.
    """

    client: Mapping[str, Any]
    database: str
    collection: str
    watch: bool

    @property
    def where(self) -> str:
        """The server, without passwords."""
        host = self.client.get("host") or "localhost"
        hosts = [host] if isinstance(host, str) else list(host)
        text = ", ".join(_SECRET.sub("//", str(one)).partition("?")[0] for one in hosts)
        port = self.client.get("port")
        return text if port is None or "//" in text else f"{text}:{port}"

    def open(self) -> "MongoClient[dict[str, Any]]":
        """Return a client that has not connected yet. Raises ConfigurationError."""
        try:
            return MongoClient(**{**self.client, "connect": False})
        except (pymongo_errors.PyMongoError, TypeError, ValueError) as error:
            raise ConfigurationError(f"MongoDB: {error}") from error

    def database_of(self, client: "MongoClient[dict[str, Any]]") -> "Database[dict[str, Any]]":
        """Return the database: as it was named, the URI's, or the default."""
        if self.database:
            return client.get_database(self.database)
        return client.get_default_database(DATABASE)


def read_options(given: Mapping[str, Any]) -> MongoOptions:
    """Return the options, checked without a connection. Raises ConfigurationError."""
    options = dict(given)
    database = _either(options, "database", "mongo_db")
    uri = options.pop("uri", None)
    if uri is not None:
        if "host" in options:
            raise ConfigurationError("MongoDB: uri and host say the same thing: give one of them")
        options["host"] = uri
    collection = options.pop("collection", COLLECTION)
    watch = options.pop("watch", True)
    if not isinstance(watch, bool):
        raise ConfigurationError(f"watch must be True or False, not {watch!r}")
    for name, value in (("database", database), ("collection", collection)):
        if not isinstance(value, str) or "\0" in value or "$" in value:
            raise ConfigurationError(f"{name} must be a name without '$', not {value!r}")
    if not collection or collection.startswith(("system.", ".")) or collection.endswith("."):
        raise ConfigurationError(f"MongoDB has no collection named {collection!r}")
    known = {*VALIDATORS, *_POSITIONAL}
    for name in options:
        if name.lower() not in known:
            raise ConfigurationError(unknown("option", name, [*known, *_OWN]))
    named = _in_uri(options.get("host"), known) | {k.lower(): v for k, v in options.items()}
    if str(named.get("w")) == "0":
        raise ConfigurationError("w=0 cannot be used: nobody would know whether a job was stored")
    defaults = {name: value for name, value in SAFE.items() if name.lower() not in named}
    found = MongoOptions({**defaults, **options}, database, collection, watch)
    with found.open() as client:
        try:
            found.database_of(client)
        except pymongo_errors.PyMongoError as error:
            raise ConfigurationError(f"MongoDB: database {database!r}: {error}") from error
    return found


def _either(options: dict[str, Any], name: str, other: str) -> Any:
    if name in options and other in options:
        raise ConfigurationError(f"{name} and {other} say the same thing: give one of them")
    return options.pop(name, options.pop(other, ""))


def _in_uri(host: Any, known: Iterable[str]) -> dict[str, Any]:
    """Return the options that are named in URIs. Raises ConfigurationError for unknown ones."""
    uris = [host] if isinstance(host, str) else host if isinstance(host, list | tuple) else []
    named: dict[str, Any] = {}
    for uri in uris:
        _, question, query = str(uri).partition("?")
        if question and "://" in str(uri):
            pairs = parse_qsl(query, keep_blank_values=True)
            named |= {name.lower(): value for name, value in pairs}
    for name in named:
        if name not in known:
            raise ConfigurationError(
                f"unknown option {name!r} in the URI of MongoDB; {instead(name, known)}"
            )
    return named
