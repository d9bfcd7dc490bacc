"""Results in a Django cache, each for as long as it is to be kept."""

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import caches

from django_convoy.contracts.store import SUCCESSFUL, Record, Retention, Store
from django_convoy.domain.envelope import Envelope, Note
from django_convoy.domain.errors import BrokerUnavailable, ConfigurationError

logger = logging.getLogger("django_convoy.stores")
_TIMES = ("enqueued_at", "due")


class CacheStore(Store):
    """A Django cache. Caches forget, so failed jobs are set aside in the broker as well.

    Successes and failures have entries of their own: caches cannot compare before they write, so
    that with one entry a failure could replace a success that came in that moment.
    """

    durable = False

    def __init__(self, cache: str, retention: Retention) -> None:
        if cache not in caches.settings:
            known = ", ".join(sorted(caches.settings))
            raise ConfigurationError(f"there is no cache {cache!r} in CACHES; there is: {known}")
        self._cache = cache
        self._retention = retention

    def finished(self, records: Sequence[Record]) -> None:
        """Set one entry per record; a success is never replaced by a failure."""
        successes = [one for one in records if one.status == SUCCESSFUL]
        failures = [one for one in records if one.status != SUCCESSFUL]
        try:
            if successes:
                self._set(successes)
                self._forget_failures(successes)
            if failures:
                self._set(failures)
                there = caches[self._cache].get_many([_key(one.envelope.id) for one in failures])
                # A success that came before, or in this moment, must not be outlived by these.
                self._forget_failures([one for one in failures if _key(one.envelope.id) in there])
        except Exception as error:  # each cache's client has exceptions of its own
            raise BrokerUnavailable(f"cache {self._cache!r}: {error}") from error

    def _set(self, records: Sequence[Record]) -> None:
        by_life: dict[int | None, dict[str, str]] = {}
        for record in records:
            key = _key(record.envelope.id, failed=record.status != SUCCESSFUL)
            by_life.setdefault(self._seconds(record), {})[key] = _dump(record)
        for life, entries in by_life.items():
            if lost := caches[self._cache].set_many(entries, timeout=life):
                logger.error("the cache %r did not take results: %s", self._cache, ", ".join(lost))

    def _forget_failures(self, records: Sequence[Record]) -> None:
        if records:
            keys = [_key(one.envelope.id, failed=True) for one in records]
            caches[self._cache].delete_many(keys)

    def _seconds(self, record: Record) -> int | None:
        retention = self._retention
        kind = retention.successes if record.status == SUCCESSFUL else retention.failures
        keep = record.keep or kind
        # Whole seconds: some caches take no others, and 0 would mean at once.
        return None if keep is None else math.ceil(keep.total_seconds())

    def get(self, job_id: str) -> Record | None:
        """Read both entries: a success comes before a failure."""
        success, failure = _key(job_id), _key(job_id, failed=True)
        there = caches[self._cache].get_many([success, failure])
        text = there.get(success, there.get(failure))
        return None if text is None else _load(text)

    def remove(self, job_id: str) -> Record | None:
        """Delete both entries."""
        record = self.get(job_id)
        caches[self._cache].delete_many([_key(job_id), _key(job_id, failed=True)])
        return record


def _key(job_id: str, *, failed: bool = False) -> str:
    return f"convoy:{'failure' if failed else 'result'}:{job_id}"


def _dump(record: Record) -> str:
    data: dict[str, Any] = asdict(record)
    data["note"] = record.note.to_json()
    data["keep"] = record.keep and record.keep.total_seconds()
    return json.dumps(data, default=datetime.isoformat)


def _load(text: str) -> Record:
    data = json.loads(text)
    envelope = data.pop("envelope")
    for name in _TIMES:
        envelope[name] = envelope[name] and datetime.fromisoformat(envelope[name])
    for name in ("started_at", "finished_at"):
        data[name] = data[name] and datetime.fromisoformat(data[name])
    data["keep"] = data["keep"] and timedelta(seconds=data["keep"])
    data["note"] = Note.from_json(data["note"])
    return Record(envelope=Envelope(**envelope), **data)
