"""The suite for stores: inherit `StoreConformance`, and say in `make()` how yours is made."""

import json
import threading
import unittest
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django_convoy.contracts.store import (
    CANCELLED,
    FAILED,
    QUARANTINED,
    STATUSES,
    SUCCESSFUL,
    Record,
    Retention,
    Store,
)
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import Envelope, Note

FOREVER = 600.0
DAY = timedelta(days=1)
NOTE = Note(
    errors=({"exception_class_path": "builtins.ValueError", "message": "zu groß 🚚 \x00"},),
    workers=("worker-1",),
    failures=1,
    ended='builtins.ValueError: "zu groß"',
)


class StoreCase:
    """The base of the suite."""

    _made: list[Store]

    def make(self) -> Store:
        """Return a store; two of them see the same records."""
        raise NotImplementedError

    def setup_method(self) -> None:
        """Begin without stores."""
        self._made = []

    def teardown_method(self) -> None:
        """Close all stores of the test."""
        for store in self._made:
            store.close()

    @property
    def store(self) -> Store:
        """The test's first store."""
        return self._made[0] if self._made else self.another()

    def another(self) -> Store:
        """Return a further store, which is closed after the test."""
        self._made.append(self.make())
        return self._made[-1]

    def record(self, age: timedelta = timedelta(), *, queue: str = "q", **fields: Any) -> Record:
        """Return the record of a new job. age: how long ago it was over."""
        now = clock.now()
        envelope = Envelope(ids.job_id(), queue, "a.b", "{}", "1j-:x", "k", 0, now - age - DAY)
        given: dict[str, Any] = {
            "envelope": envelope,
            "status": SUCCESSFUL,
            "attempt": 1,
            "note": Note(),
            "result": "42",
            "started_at": now - age - timedelta(seconds=1),
            "finished_at": now - age,
        }
        return Record(**{**given, **fields})

    def keep(self, *records: Record) -> None:
        """Keep records."""
        self.store.finished(records)

    def kept(self, records: Sequence[Record]) -> list[bool]:
        """Return which of the records are there."""
        return [self.store.get(one.envelope.id) is not None for one in records]


class StoreConformance(StoreCase):
    """Every promise of `contracts.store.Store` that does not depend on pruning."""

    def test_every_field_comes_back(self) -> None:
        at = datetime(2026, 3, 29, 1, 59, 59, 999_999, UTC)
        due = at + timedelta(microseconds=2)
        envelope = Envelope(ids.job_id(), "ns:q", "a.b", '"ü🚚"', "1j-:x", "k", -7, at, due)
        record = Record(
            envelope, FAILED, 3, NOTE, None, at, due, keep=timedelta(days=3), worker="worker-2"
        )
        self.keep(record)
        assert self.another().get(envelope.id) == record

    def test_every_status_and_result_comes_back(self) -> None:
        results = ["null", '"' + "ü🚚\\u0000" * 1000 + '"', None, "#p00:mac:payload"]
        records = [
            self.record(status=status, result=result, started_at=None)
            for status, result in zip(STATUSES, results, strict=True)
        ]
        self.keep(*records)
        found = [self.store.get(one.envelope.id) for one in records]
        assert [(one.status, one.result) for one in found if one] == [
            (one.status, one.result) for one in records
        ]

    def test_what_was_never_finished_is_not_found(self) -> None:
        assert self.store.get("0" * 32) is None
        assert self.store.remove("0" * 32) is None

    def test_nothing_finished_is_fine(self) -> None:
        self.store.finished([])

    def test_many_are_kept_at_once(self) -> None:
        records = [self.record(result=json.dumps(number)) for number in range(600)]
        self.keep(*records)
        assert all(self.kept(records))

    def test_a_success_replaces_a_failure(self) -> None:
        for status in (FAILED, CANCELLED, QUARANTINED):
            failure = self.record(status=status, result=None, note=NOTE)
            self.keep(failure)
            success = self.record(envelope=failure.envelope, attempt=2, result='"done"')
            self.keep(success)
            assert self.store.get(failure.envelope.id) == success

    def test_a_failure_replaces_a_failure(self) -> None:
        first = self.record(status=QUARANTINED, result=None)
        second = self.record(envelope=first.envelope, status=FAILED, result=None, attempt=4)
        self.keep(first)
        self.keep(second)
        assert self.store.get(first.envelope.id) == second

    def test_nothing_replaces_a_success(self) -> None:
        success = self.record()
        self.keep(success)
        for status in STATUSES[1:]:
            self.keep(self.record(envelope=success.envelope, status=status, result=None, note=NOTE))
        assert self.store.get(success.envelope.id) == success

    def test_no_failure_replaces_a_success_of_the_same_moment(self) -> None:
        successes = [self.record() for _ in range(100)]
        failures = [
            self.record(envelope=one.envelope, status=FAILED, result=None, note=NOTE)
            for one in successes
        ]
        together = threading.Barrier(3)

        def finish(records: Sequence[Record]) -> None:
            store = self.make()
            try:
                together.wait()
                for start in range(0, len(records), 10):
                    store.finished(records[start : start + 10])
            finally:
                store.close()

        batches = [successes, failures, failures[::-1]]
        threads = [threading.Thread(target=finish, args=(batch,)) for batch in batches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [self.store.get(one.envelope.id) for one in successes] == successes

    def test_a_removed_record_is_returned_and_gone(self) -> None:
        record, other = self.record(), self.record()
        self.keep(record, other)
        assert self.store.remove(record.envelope.id) == record
        assert self.store.remove(record.envelope.id) is None
        assert self.kept([record, other]) == [False, True]

    def test_a_removed_job_can_finish_again(self) -> None:
        success = self.record()
        self.keep(success)
        self.store.remove(success.envelope.id)
        failure = self.record(envelope=success.envelope, status=FAILED, result=None)
        self.keep(failure)
        assert self.store.get(success.envelope.id) == failure

    def test_who_waits_for_what_is_there_gets_it(self) -> None:
        record = self.record()
        self.keep(record)
        assert self.store.wait(record.envelope.id, FOREVER) == record

    def test_who_waits_gives_up_after_the_time(self) -> None:
        assert self.store.wait("0" * 32, 0.05) is None
        assert self.store.wait("0" * 32, 0) is None

    def test_who_waits_is_woken(self) -> None:
        records = [self.record(), self.record()]
        found: list[Record | None] = []

        def wait() -> None:
            store = self.make()
            try:
                found.append(store.wait(records[1].envelope.id, FOREVER))
            finally:
                store.close()

        threads = [threading.Thread(target=wait) for _ in range(3)]
        for thread in threads:
            thread.start()
        threads[0].join(0.2)  # it has most probably begun to wait, and need not have
        self.keep(records[0])
        self.keep(records[1])
        for thread in threads:
            thread.join()
        assert found == [records[1]] * 3

    def test_a_closed_store_can_be_used_again(self) -> None:
        record = self.record()
        self.keep(record)
        self.store.close()
        assert self.store.get(record.envelope.id) == record


class PruningConformance(StoreCase):
    """What a durable store forgets, and nothing else."""

    def prune(self, *, limit: int = 1000, namespace: str | None = None, **retention: Any) -> int:
        """Prune; what is not named is kept for ever."""
        if not self.store.durable:
            raise unittest.SkipTest("this store forgets by itself")
        rules = Retention(**{"successes": None, "failures": None, **retention})
        return self.store.prune(rules, limit=limit, namespace=namespace)

    def test_nothing_is_forgotten_without_a_rule(self) -> None:
        records = [self.record(1000 * DAY, status=status) for status in STATUSES]
        self.keep(*records)
        assert self.prune() == 0
        assert all(self.kept(records))

    def test_successes_and_failures_have_ages_of_their_own(self) -> None:
        old = [self.record(8 * DAY, status=status) for status in STATUSES]
        new = [self.record(6 * DAY, status=status) for status in STATUSES]
        self.keep(*old, *new)
        assert self.prune(successes=7 * DAY) == 1
        assert self.kept(old) == [False, True, True, True]
        assert self.prune(failures=7 * DAY) == 3
        assert not any(self.kept(old))
        assert all(self.kept(new))

    def test_what_a_job_asked_for_comes_before_the_rules(self) -> None:
        short = self.record(2 * DAY, keep=DAY)
        long = self.record(2 * DAY, keep=3 * DAY)
        failed = self.record(2 * DAY, keep=3 * DAY, status=FAILED)
        self.keep(short, long, failed)
        assert self.prune(successes=DAY, failures=DAY, newest_successes=0) == 1
        assert self.kept([short, long, failed]) == [False, True, True]

    def test_only_so_many_of_the_newest_successes_are_kept(self) -> None:
        failure = self.record(9 * DAY, status=FAILED)
        records = [self.record(timedelta(hours=hours)) for hours in range(5)]
        self.keep(failure, *reversed(records))
        assert self.prune(newest_successes=9) == 0
        assert self.prune(newest_successes=2) == 3
        assert self.kept([failure, *records]) == [True, True, True, False, False, False]
        assert self.prune(newest_successes=0) == 2

    def test_exactly_so_many_are_kept_when_they_ended_in_one_moment(self) -> None:
        at = clock.now()
        records = [self.record(finished_at=at) for _ in range(6)]
        self.keep(*records)
        assert self.prune(newest_successes=4) == 2
        assert sum(self.kept(records)) == 4

    def test_a_namespace_is_pruned_alone(self) -> None:
        queues = ["q", "s1:q", "S1:q", "s10:q", "s_:q", "%:q", "s1q", "s1;q"]
        without = {"q", "s1q", "s1;q"}
        for namespace, gone in (("s1", {"s1:q"}), ("s_", {"s_:q"}), ("%", {"%:q"}), ("", without)):
            for rules in ({"successes": 7 * DAY}, {"newest_successes": 0}, {}):
                keep = None if rules else DAY
                records = [self.record(9 * DAY, queue=queue, keep=keep) for queue in queues]
                self.keep(*records)
                assert self.prune(namespace=namespace, **rules) == len(gone)
                assert self.kept(records) == [queue not in gone for queue in queues]
                assert self.prune(**(rules or {"successes": 7 * DAY})) == len(queues) - len(gone)

    def test_only_a_namespaces_own_successes_are_counted(self) -> None:
        mine = [self.record(timedelta(hours=hours), queue="s1:q") for hours in range(3)]
        theirs = [self.record(timedelta(hours=hours), queue="s2:q") for hours in range(3)]
        self.keep(*mine, *theirs)
        assert self.prune(newest_successes=2, namespace="s1") == 1
        assert self.kept([*mine, *theirs]) == [True, True, False, True, True, True]

    def test_a_namespaces_step_is_bounded(self) -> None:
        self.keep(*(self.record(9 * DAY, queue="s1:q") for _ in range(5)))
        self.keep(*(self.record(9 * DAY, queue="s2:q") for _ in range(5)))
        steps = [self.prune(limit=3, namespace="s2", successes=DAY) for _ in range(3)]
        assert steps == [3, 2, 0]

    def test_a_step_is_bounded(self) -> None:
        records = [self.record(9 * DAY, keep=DAY if n % 2 else None) for n in range(10)]
        self.keep(*records)
        rules: dict[str, Any] = {"successes": 7 * DAY, "failures": 7 * DAY, "newest_successes": 0}
        assert [self.prune(limit=3, **rules) for _ in range(5)] == [3, 3, 3, 1, 0]


__all__ = ["PruningConformance", "StoreConformance"]
