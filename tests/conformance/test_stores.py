"""Convoy's stores keep a store's promises."""

import os
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from django_convoy.contracts.store import FAILED, Retention, Store
from django_convoy.db.session import PrivateSession, Session
from django_convoy.domain.errors import ConfigurationError
from django_convoy.stores.cache import CacheStore
from django_convoy.stores.database import DatabaseStore
from django_convoy.stores.none import NoStore
from django_convoy.stores.redis import RedisStore
from django_convoy.testing.conformance.store import (
    PruningConformance,
    StoreCase,
    StoreConformance,
)

LOCMEM = "django.core.cache.backends.locmem.LocMemCache"


@pytest.mark.django_db(transaction=True)
class TestSQLite(StoreConformance, PruningConformance):
    def make(self) -> Store:
        return DatabaseStore(PrivateSession("default"))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, databases=["postgres"])
class TestPostgreSQL(StoreConformance, PruningConformance):
    def make(self) -> Store:
        return DatabaseStore(PrivateSession("postgres"))


@pytest.mark.mariadb
@pytest.mark.django_db(transaction=True, databases=["mariadb"])
class TestMariaDB(StoreConformance, PruningConformance):
    def make(self) -> Store:
        return DatabaseStore(PrivateSession("mariadb"))


@pytest.mark.django_db(transaction=True)
class TestSiteConnection(StoreConformance, PruningConformance):
    """As `get_result()` uses it, on a site without time zones."""

    @pytest.fixture(autouse=True)
    def naive(self):
        with override_settings(USE_TZ=False, TIME_ZONE="America/New_York"):
            yield

    def make(self) -> Store:
        store = DatabaseStore(Session("default"))
        store.close = connections.close_all  # its thread's connection is the site's
        return store


class TestLocalMemoryCache(StoreConformance):
    @pytest.fixture(autouse=True)
    def cache(self):
        with override_settings(
            CACHES={"default": {"BACKEND": LOCMEM, "OPTIONS": {"MAX_ENTRIES": 9999}}}
        ):
            yield
            caches["default"].clear()

    def make(self) -> Store:
        return CacheStore("default", Retention())


class TestFileCache(StoreConformance):
    @pytest.fixture(autouse=True)
    def cache(self, tmp_path):
        backend = "django.core.cache.backends.filebased.FileBasedCache"
        entry = {"BACKEND": backend, "LOCATION": str(tmp_path), "OPTIONS": {"MAX_ENTRIES": 9999}}
        with override_settings(CACHES={"default": entry}):
            yield

    def make(self) -> Store:
        return CacheStore("default", Retention())


@pytest.mark.django_db(transaction=True, databases=["default"])
class TestDatabaseCache(StoreConformance):
    @pytest.fixture(autouse=True)
    def cache(self):
        backend = "django.core.cache.backends.db.DatabaseCache"
        entry = {"BACKEND": backend, "LOCATION": "cached", "OPTIONS": {"MAX_ENTRIES": 9999}}
        with override_settings(CACHES={"default": entry}):
            call_command("createcachetable", verbosity=0)
            yield
            with connections["default"].cursor() as cursor:
                cursor.execute("DROP TABLE cached")

    def make(self) -> Store:
        store = CacheStore("default", Retention())
        store.close = connections.close_all
        return store


@pytest.mark.valkey
class TestRedis(StoreConformance):
    def make(self) -> Store:
        return RedisStore(Retention(), url=os.environ["CONVOY_TEST_VALKEY"])


@pytest.mark.redis62
class TestRedis62(StoreConformance):
    def make(self) -> Store:
        return RedisStore(Retention(), url=os.environ["CONVOY_TEST_REDIS62"])


@pytest.mark.valkey
class TestRedisCluster(StoreConformance):
    @pytest.fixture(autouse=True)
    def url(self, cluster: str) -> None:
        self._url = cluster

    def make(self) -> Store:
        return RedisStore(Retention(), url=self._url, cluster=True)


class TestForgetful(StoreCase):
    """`store: none`."""

    def make(self) -> Store:
        return NoStore()

    def test_it_keeps_nothing_and_says_so(self) -> None:
        record = self.record()
        self.keep(record)
        assert not self.store.durable
        assert self.store.get(record.envelope.id) is None
        assert self.store.remove(record.envelope.id) is None
        assert self.store.prune(Retention(), limit=9) == 0

    def test_nobody_waits_for_what_will_never_come(self) -> None:
        assert self.store.wait("0" * 32, 600) is None


class TestCacheRaces(StoreCase):
    """Two workers finish one job, and one of them between any two steps of the other."""

    STEPS = ("get", "get_many", "set", "set_many", "add", "delete", "delete_many")

    @pytest.fixture(autouse=True)
    def cache(self):
        with override_settings(CACHES={"default": {"BACKEND": LOCMEM}}):
            yield
            caches["default"].clear()

    def make(self) -> Store:
        return CacheStore("default", Retention())

    def keep_around(self, first, other, step: int, monkeypatch) -> bool:
        """Keep `first`, and `other` before that step of it; return whether it has that step."""
        left = [step]

        def between(name):
            cache = type(caches["default"])
            original = getattr(cache, name)

            def call(*args, **kwargs):
                left[0] -= 1
                if left[0] == 0:
                    self.another().finished([other])
                return original(*args, **kwargs)

            return call

        with monkeypatch.context() as patch:
            for name in self.STEPS:
                patch.setattr(type(caches["default"]), name, between(name))
            self.keep(first)
        return left[0] <= 0

    @pytest.mark.parametrize("fails_first", [True, False])
    def test_a_success_stands_and_no_failure_outlives_it(self, fails_first, monkeypatch):
        for step in range(1, 20):
            success = self.record()
            failure = self.record(envelope=success.envelope, status=FAILED, result=None)
            first, other = (failure, success) if fails_first else (success, failure)
            if not self.keep_around(first, other, step, monkeypatch):
                assert step > 2
                return
            assert self.store.get(success.envelope.id) == success
            caches["default"].delete(f"convoy:result:{success.envelope.id}")  # it expires
            assert self.store.get(success.envelope.id) is None


class TestCacheLives(StoreCase):
    """How long a cache is told to keep a record."""

    @pytest.fixture(autouse=True)
    def cache(self):
        with override_settings(CACHES={"default": {"BACKEND": LOCMEM}}):
            yield
            caches["default"].clear()

    def make(self) -> Store:
        week = timedelta(days=7)
        return CacheStore("default", Retention(successes=week, failures=None))

    @pytest.mark.parametrize(
        ("fields", "seconds"),
        [
            ({}, 7 * 86400),
            ({"status": FAILED}, None),
            ({"keep": timedelta(seconds=90)}, 90),
            ({"keep": timedelta(milliseconds=200)}, 1),
            ({"keep": timedelta(seconds=90), "status": FAILED}, 90),
        ],
    )
    def test_it_is_what_the_job_asked_for_or_the_retention(self, fields, seconds, monkeypatch):
        told = []
        monkeypatch.setattr(
            type(caches["default"]),
            "set_many",
            lambda _, entries, timeout: told.append(timeout) or [],
        )
        self.keep(self.record(**fields))
        assert told == [seconds]

    def test_what_a_cache_does_not_take_is_said(self, monkeypatch, caplog):
        monkeypatch.setattr(
            type(caches["default"]), "set_many", lambda _, entries, timeout: list(entries)
        )
        record = self.record()
        self.keep(record)
        assert record.envelope.id in caplog.text

    def test_an_unknown_cache_is_named_with_those_there_are(self):
        with pytest.raises(ConfigurationError, match=r"no cache 'fast' in CACHES.*default"):
            CacheStore("fast", Retention())
