"""One process's way to the collection of jobs; what may go wrong on it becomes our errors."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import IndexModel, MongoClient, ReadPreference
from pymongo import errors as pymongo_errors
from pymongo.collection import Collection

from django_convoy.brokers.mongodb_options import MongoOptions
from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError

Jobs = Collection[dict[str, Any]]
READY, SUSPECT, BURIED, WAKING = "convoy_ready", "convoy_suspect", "convoy_buried", "convoy_wake"
"""The names of the indexes; a claim names its own, so that no planner has to guess."""
_ORDER = [("state", 1), ("queue", 1), ("priority", -1), ("_id", 1)]
INDEXES = [
    IndexModel(_ORDER, name=READY, partialFilterExpression={"state": "ready"}),
    IndexModel(_ORDER, name=SUSPECT, partialFilterExpression={"state": "suspect"}),
    IndexModel(_ORDER, name=BURIED, partialFilterExpression={"state": "buried"}),
    IndexModel(
        [("wake_at", 1), ("state", 1), ("queue", 1)],
        name=WAKING,
        partialFilterExpression={"wake_at": {"$exists": True}},
    ),
]
_TOLERANT: CodecOptions[dict[str, Any]] = CodecOptions(
    # Whatever others put into the collection can be read, and looked at.
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)
SLOW = 1.0
"""Seconds; a call that took longer may have been an outage of which this process saw no error."""
_WRONG_LOGIN = (13, 18, 8000)
_NO_SUCH_INDEX = "hint provided does not correspond to an existing index"


@dataclass(slots=True)
class _Live:
    client: "MongoClient[dict[str, Any]]"
    jobs: Jobs
    indexed: bool = False
    proved: bool = False
    """Whether anything ever worked; until then a refused login is the settings' mistake."""
    hello: dict[str, Any] = field(default_factory=dict)


class Connection:
    """Opened by the first use in each process, never before a fork."""

    def __init__(self, options: MongoOptions) -> None:
        self._options = options
        self._lives: dict[int, _Live] = {}
        """By process; what a parent opened is kept untouched, it is not ours to close."""
        self.outages = 0
        """How often the server could not be reached, or took suspiciously long."""

    def _live(self) -> _Live:
        pid = os.getpid()
        found = self._lives.get(pid)
        if found is None:
            made = self._open()
            found = self._lives.setdefault(pid, made)
            if found is not made:  # another thread was quicker
                made.client.close()
        return found

    def _open(self) -> _Live:
        client = self._options.open()
        jobs = self._options.database_of(client).get_collection(
            self._options.collection,
            codec_options=_TOLERANT,
            read_preference=ReadPreference.PRIMARY,
        )
        return _Live(client, jobs)

    @contextmanager
    def jobs(self) -> Iterator[Jobs]:
        """Give the collection, with its indexes. Raises BrokerUnavailable, ConfigurationError."""
        live = self._live()
        with self._reaching(live):
            if not live.indexed:
                live.jobs.create_indexes(INDEXES)
                live.indexed = True
            yield live.jobs

    @contextmanager
    def _reaching(self, live: _Live) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        except (pymongo_errors.ConfigurationError, pymongo_errors.InvalidURI) as error:
            raise ConfigurationError(self._told(error)) from error
        except pymongo_errors.OperationFailure as error:
            if _NO_SUCH_INDEX in str(error):
                live.indexed = False  # somebody dropped the collection
            if error.code in _WRONG_LOGIN and not live.proved:
                raise ConfigurationError(
                    f"{self._told(error)}. Check username, password and authSource, and that the "
                    "user has the role readWrite on this database"
                ) from error
            if error.code in (85, 86):
                raise ConfigurationError(
                    f"{self._told(error)}. An index of this name is somebody else's: give another "
                    "collection, or drop it"
                ) from error
            self.outages += 1
            raise BrokerUnavailable(self._told(error)) from error
        except pymongo_errors.PyMongoError as error:
            self.outages += 1
            raise BrokerUnavailable(self._told(error)) from error
        live.proved = True
        if time.monotonic() - began > SLOW:
            self.outages += 1

    def _told(self, error: Exception) -> str:
        # What follows is the whole topology, or the whole answer.
        if isinstance(error, pymongo_errors.BulkWriteError) and error.details:
            details = error.details
            for one in (*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())):
                return f"MongoDB at {self._options.where}: {str(one.get('errmsg'))[:300]}"
        text = str(error).partition(", Timeout:")[0].partition(", full error:")[0]
        return f"MongoDB at {self._options.where}: {text}"

    def hello(self) -> dict[str, Any]:
        """Return what the server says of itself; asked once per process."""
        live = self._live()
        if not live.hello:
            with self._reaching(live):
                live.hello = live.client.admin.command("hello")
        return live.hello

    @property
    def has_streams(self) -> bool:
        """Whether the server has change streams: it is a replica set, or shards of such."""
        hello = self.hello()
        return "setName" in hello or hello.get("msg") == "isdbgrid"

    def ping(self) -> None:
        """Return if jobs could be stored now."""
        with self.jobs() as jobs:
            jobs.database.command("ping")

    def info(self) -> str:
        """Return the server's version and kind, in words."""
        live = self._live()
        with self._reaching(live):
            version = live.client.server_info()["version"]
        hello = self.hello()
        if name := hello.get("setName"):
            kind = f"replica set {name}"
        else:
            kind = "sharded cluster" if self.has_streams else "standalone"
        return f"MongoDB {version}, {kind}"

    def close(self) -> None:
        """Close what this process opened."""
        live = self._lives.pop(os.getpid(), None)
        if live is not None:
            live.client.close()
