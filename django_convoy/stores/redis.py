"""Results on a Redis or Valkey server, each for as long as it is to be kept."""

import time
from collections.abc import Sequence
from typing import Any

from django_convoy.clients.redis_cluster import open_link
from django_convoy.clients.redis_link import Value, answer_of, poll_of, send
from django_convoy.clients.redis_records import Records, awaited_key, load, record_key
from django_convoy.clients.redis_scripts import script
from django_convoy.clients.redis_settings import Place, place_of
from django_convoy.contracts.store import Record, Retention, Store

FINISH = script("keep", "finish")
AWAITED_MILLIS = 90_000
"""How long those who finish jobs go on telling, after somebody last said that he waits."""
LOOK_SECONDS = 30.0
"""The most seconds between two looks of who waits; a net, since he is told."""


class RedisStore(Records, Store):
    """One server or cluster, under one prefix of keys. It forgets by itself, so failed jobs are
    set aside in the broker as well.

    place: the broker's, where nothing is said of the store. Options are those of `place_of`.
    """

    durable = False

    def __init__(self, retention: Retention, *, place: Place | None = None, **options: Any) -> None:
        super().__init__(place or place_of(**options), retention)
        self._link = open_link(self.place)
        self._awaited = awaited_key(self.place)

    def finished(self, records: Sequence[Record]) -> None:
        """Keep records; in a cluster one after the other."""
        kept = [self.kept(record) for record in records]
        if self._link.is_cluster:
            for key, life, value in kept:
                self._link.script(FINISH, (key, key), key, life, value)
        elif kept:
            given: list[Value] = [value for one in kept for value in one]
            self._link.script(FINISH, (self._awaited,), *given)

    def get(self, job_id: str) -> Record | None:
        """Read one value."""
        key = record_key(self.place, job_id)
        data = self._link.call(key, "GET", key)
        return None if data is None else load(data)

    def remove(self, job_id: str) -> Record | None:
        """Read and delete one value."""
        key = record_key(self.place, job_id)
        data = self._link.call(key, "GETDEL", key)
        return None if data is None else load(data)

    def wait(self, job_id: str, timeout: float) -> Record | None:
        """Subscribe to what is told of the record, then look: it cannot come in between."""
        record = self.get(job_id)
        if record is not None or timeout <= 0:
            return record
        if self._link.is_cluster:
            return super().wait(job_id, timeout)
        deadline = time.monotonic() + timeout
        key = record_key(self.place, job_id)
        connection = self._link.connect()
        try:
            self._link.guarded(connection, lambda: send(connection, ("SUBSCRIBE", key)))
            told = poll_of(connection._sock)
            while True:
                self._link.call(key, "SET", self._awaited, 1, "PX", AWAITED_MILLIS)
                record = self.get(job_id)
                left = deadline - time.monotonic()
                if record is not None or left <= 0:
                    return record
                if told(min(left, LOOK_SECONDS)):
                    self._link.guarded(connection, lambda: answer_of(connection))
        finally:
            connection.disconnect()

    def close(self) -> None:
        """Close all connections."""
        self._link.close()
