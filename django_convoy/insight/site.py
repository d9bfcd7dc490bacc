"""What insight looks at: one alias of TASKS, as `runtime.Runtime` has it."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from django.db.models import QuerySet
from django.db.models.functions import Left

from django_convoy.conf import Options
from django_convoy.contracts import pair
from django_convoy.contracts.broker import Browsable
from django_convoy.core import site
from django_convoy.domain.errors import ConfigurationError
from django_convoy.outbox.spill import Spill
from django_convoy.outbox.table import Table

Rows = TypeVar("Rows", bound=QuerySet[Any])


class Pair(pair.Pair, Protocol):
    """A broker and a store, and what is on its way to the broker."""

    @property
    def outbox(self) -> Table | None:
        """Where jobs wait that cannot go to the broker yet, if there is such a place."""

    @property
    def spill(self) -> Spill | None:
        """Where payloads are that are too large for the broker, if there may be any."""

    @property
    def view(self) -> Browsable | None:
        """What can be looked into for jobs: broker and outbox, as far as they can."""


class Site(site.Site, Protocol):
    """One alias of TASKS, as one looks at it."""

    @property
    def shared(self) -> Pair:
        """What this process uses for it."""

    @property
    def options(self) -> Options:
        """Its settings."""

    @property
    def declared_queues(self) -> Sequence[str]:
        """The short names in its `QUEUES`."""

    @property
    def outbox_alias(self) -> str | None:
        """The database whose transactions its broker does not join, if there is one."""


def browser(site: Site) -> Browsable:
    """Return what can be looked into for jobs. Raises ConfigurationError where nothing can."""
    view = site.shared.view
    if view is None:
        raise ConfigurationError(
            f"the broker of TASKS[{site.alias!r}] ({type(site.shared.broker).__name__}) cannot "
            "list its jobs, so none can be shown or cancelled. `convoy purge QUEUE` removes all of "
            "a queue"
        )
    return view


def tables(site: Site) -> str:
    """Return the database in which this alias's workers report."""
    return site.shared.broker.capabilities.transactional or "default"


def own_rows(site: Site, rows: Rows) -> Rows:
    """Return those rows of a table of jobs that are in this site's namespace."""
    prefix = site.full_name("")
    if not prefix:
        return rows.exclude(queue__contains=":")
    # Not `startswith`: on SQLite that takes "Blue:" for "blue:".
    return rows.alias(beginning=Left("queue", len(prefix))).filter(beginning=prefix)
