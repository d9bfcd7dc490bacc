"""Everybody does everything at once: nothing is lost, nothing is settled twice, nobody fails."""

import random
import threading
import time
from collections import Counter, deque
from datetime import timedelta

import pytest
from django.db import connections

from django_convoy.contracts.store import FAILED, SUCCESSFUL, Record, Retention
from django_convoy.core.settling import Conclusion
from django_convoy.domain import clock, ids
from django_convoy.domain.envelope import NO_NOTE, Lease
from django_convoy.domain.verdict import DONE, Again, Bury
from django_convoy.runtime import Pair
from django_convoy.stores.database import DatabaseStore
from django_convoy.worker.ledger import settle
from tests.databases import MARIADB, PGBOUNCER, POSTGRES
from tests.races.conftest import envelope, made_for
from tests.worker.site import wait_for

pytestmark = pytest.mark.slow

WORKERS = 8
JOBS = 3000
ATTEMPTS = 3
OLD_RECORDS = 2000
PATIENCE = 120.0
"""Seconds after which jobs that are not over count as lost; far above what it takes."""

AGAIN, LATER, RELEASED = (
    Again(0, False, NO_NOTE),
    Again(0.02, False, NO_NOTE),
    Again(0, True, NO_NOTE),
)


def record(lease: Lease, *, status: str = SUCCESSFUL, age: float = 0) -> Record:
    at = clock.now() - timedelta(seconds=age)
    return Record(lease.envelope, status, lease.attempt, NO_NOTE, "null", at, at, worker="w")


def old_record(job_id: str) -> Record:
    return record(Lease(envelope(job_id), "", 1, NO_NOTE), age=86400)


class Crowd:
    """What the workers of a test know of each other."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.over: Counter[str] = Counter()
        self.held: dict[str, Lease] = {}
        self.buried: deque[str] = deque()
        self.errors: list[BaseException] = []
        self.pruned = 0
        self._end = time.monotonic() + PATIENCE
        self._threads = [threading.Thread(target=self._work, args=[n]) for n in range(WORKERS)]

    def run(self) -> None:
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()

    def goes_on(self) -> bool:
        return len(self.over) < JOBS and not self.errors and time.monotonic() < self._end

    def _work(self, seed: int) -> None:
        broker = made_for(self.alias)
        try:
            _Worker(self, Pair(broker, DatabaseStore(broker.session), broker.session), seed).work()
        except BaseException as error:
            self.errors.append(error)
        finally:
            broker.close()


class _Worker:
    """One of them, with a connection of its own."""

    def __init__(self, crowd: Crowd, pair: Pair, seed: int) -> None:
        self.crowd = crowd
        self.pair = pair
        self.dice = random.Random(seed)

    def work(self) -> None:
        chores = (
            self.renew_others,
            self.mark_others,
            self.purge_elsewhere,
            self.revive_buried,
            self.prune,
        )
        while self.crowd.goes_on():
            limit = self.dice.randint(1, 40)
            leases = self.pair.broker.claim(["q"], limit=limit, lease=60, worker="w", wait=0.02)
            for lease in leases:
                assert self.crowd.held.setdefault(lease.id, lease) is lease, "claimed twice"
            self.dice.choice(chores)()
            self.settle(leases)
            self.dice.choice(chores)()

    def settle(self, leases: list[Lease]) -> None:
        self.dice.shuffle(leases)
        conclusions = [self.conclude(lease) for lease in leases]
        for lease in leases:
            del self.crowd.held[lease.id]  # before anybody else may claim it
        assert all(settle(self.pair, conclusions)), "a lease was lost"
        for one in conclusions:
            if one.record is not None:
                self.crowd.over[one.lease.id] += 1
            if isinstance(one.verdict, Bury):
                self.crowd.buried.append(one.lease.id)

    def conclude(self, lease: Lease) -> Conclusion:
        verdicts = (DONE, AGAIN, LATER, RELEASED, Bury(NO_NOTE))
        verdict = self.dice.choice(verdicts) if lease.attempt < ATTEMPTS else DONE
        if verdict is not DONE:
            return Conclusion(lease, verdict, None)
        status = self.dice.choice((SUCCESSFUL, FAILED))
        return Conclusion(lease, DONE, record(lease, status=status))

    # What a steward, a housekeeper and a user do meanwhile

    def others(self) -> list[Lease]:
        held = list(self.crowd.held.values())
        return self.dice.sample(held, min(len(held), 30))

    def renew_others(self) -> None:
        self.pair.broker.renew(self.others(), lease=60)

    def mark_others(self) -> None:
        self.pair.broker.mark_started([(one, clock.now()) for one in self.others()])

    def purge_elsewhere(self) -> None:
        self.pair.broker.push([envelope(one, queue="elsewhere") for one in ids.job_ids(5)])
        self.pair.broker.purge("elsewhere")

    def revive_buried(self) -> None:
        for _ in range(len(self.crowd.buried)):
            try:
                job_id = self.crowd.buried.popleft()
            except IndexError:  # somebody else was quicker
                return
            assert self.pair.broker.revive(job_id)

    def prune(self) -> None:
        retention = Retention(successes=timedelta(hours=1), failures=timedelta(hours=1))
        self.crowd.pruned += self.pair.store.prune(retention, limit=20)


def deadlocks() -> int:
    """How many there were on PostgreSQL."""
    with connections["postgres"].cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def sessions() -> int:
    """How many sessions PostgreSQL has of this database; they count when they end."""
    with connections["postgres"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("alias", [POSTGRES, PGBOUNCER, MARIADB])
def test_nothing_is_lost_or_settled_twice(alias, worker):
    broker = worker()
    pushed = ids.job_ids(JOBS)
    broker.push([envelope(one) for one in pushed])
    old = ids.job_ids(OLD_RECORDS)
    store = DatabaseStore(broker.session)
    store.finished([old_record(one) for one in old])
    on_postgres = alias == "postgres"
    counted, there = (deadlocks(), sessions()) if on_postgres else (0, 0)

    crowd = Crowd(alias)
    crowd.run()

    assert crowd.errors == []
    assert sorted(crowd.over) == pushed
    assert set(crowd.over.values()) == {1}
    broker.purge("elsewhere")
    assert broker.queues() == {}
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT id FROM convoy_history")
        kept = {row[0] for row in cursor.fetchall()}
    assert kept - set(old) == set(pushed)
    assert crowd.pruned > 0
    if on_postgres:
        wait_for(lambda: sessions() <= there, "the workers' sessions to end")
        assert deadlocks() == counted
