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
    """A Django cache. Caches forget, so failed jobs are set aside in the broker as well."""

    durable = False

    def __init__(self, cache: str, retention: Retention) -> None:
        if cache not in caches.settings:
            known = ", ".join(sorted(caches.settings))
            raise ConfigurationError(f"there is no cache {cache!r} in CACHES; there is: {known}")
        self._cache = cache
        self._retention = retention

    def finished(self, records: Sequence[Record]) -> None:
        """Set one entry per record; a success is never replaced by a failure."""
        try:
            self._set(records)
        except Exception as error:  # each cache's client has exceptions of its own
            raise BrokerUnavailable(f"cache {self._cache!r}: {error}") from error

    def _set(self, records: Sequence[Record]) -> None:
        cache = caches[self._cache]
        by_life: dict[int | None, dict[str, str]] = {}
        failed = [_key(one.envelope.id) for one in records if one.status != SUCCESSFUL]
        there = cache.get_many(failed) if failed else {}
        for record in records:
            key = _key(record.envelope.id)
            old = json.loads(there[key]) if key in there else {}
            if record.status == SUCCESSFUL or old.get("status") != SUCCESSFUL:
                by_life.setdefault(self._seconds(record), {})[key] = _dump(record)
        for life, entries in by_life.items():
            if lost := cache.set_many(entries, timeout=life):
                logger.error("the cache %r did not take results: %s", self._cache, ", ".join(lost))

    def _seconds(self, record: Record) -> int | None:
        retention = self._retention
        kind = retention.successes if record.status == SUCCESSFUL else retention.failures
        keep = record.keep or kind
        # Whole seconds: some caches take no others, and 0 would mean at once.
        return None if keep is None else math.ceil(keep.total_seconds())

    def get(self, job_id: str) -> Record | None:
        """Read one entry."""
        text = caches[self._cache].get(_key(job_id))
        return None if text is None else _load(text)

    def remove(self, job_id: str) -> Record | None:
        """Delete one entry."""
        record = self.get(job_id)
        caches[self._cache].delete(_key(job_id))
        return record


def _key(job_id: str) -> str:
    return f"convoy:result:{job_id}"


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
