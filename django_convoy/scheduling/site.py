"""What scheduling needs to know of one alias of TASKS; a `runtime.Runtime` is one."""

from collections.abc import Iterable
from typing import Protocol

from django_convoy.contracts import pair
from django_convoy.contracts.broker import Browsable
from django_convoy.contracts.store import Retention
from django_convoy.core import site
from django_convoy.db.session import Session
from django_convoy.domain.envelope import Envelope


class Pair(pair.Pair, Protocol):
    """A broker and a store, and the database that has Convoy's other tables."""

    @property
    def view(self) -> Browsable | None:
        """What can be looked into for jobs, if anything can."""

    @property
    def tables(self) -> Session:
        """The way to the tables of schedules."""


class Options(Protocol):
    """The part of `conf.Options` that matters here."""

    @property
    def namespace(self) -> str:
        """Part of every queue's name."""

    @property
    def retention(self) -> Retention:
        """How long finished jobs are known."""


class Intake(Protocol):
    """Where jobs are pushed to."""

    def push(self, envelopes: Iterable[Envelope]) -> None:
        """Bring jobs, with what else is written in this transaction."""


class Site(site.Site, Protocol):
    """One alias of TASKS, and where its schedules' jobs go."""

    @property
    def shared(self) -> Pair:
        """What this process uses for it, in the caller's transactions."""

    @property
    def intake(self) -> Intake:
        """Where jobs are pushed to: the broker, or what leads to it."""

    @property
    def options(self) -> Options:
        """Its settings."""
