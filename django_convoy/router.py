"""Sends Convoy's tables to the database that TASKS names.

DATABASE_ROUTERS = ["django_convoy.router.ConvoyRouter"]

With it `manage.py migrate --database jobs` makes the tables in "jobs" and nowhere else.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from django_convoy import conf
from django_convoy.domain.errors import ConfigurationError

APP = "convoy"
DEFAULT = "default"


def databases() -> list[str]:
    """Return the aliases that have Convoy's tables; that of TASKS["default"] comes first."""
    entries: Mapping[str, Any] = getattr(settings, "TASKS", None) or {}
    found: list[str] = []
    for alias in sorted(entries, key=lambda name: (name != DEFAULT, name)):
        params = entries[alias]
        ours = str(params.get("BACKEND", "")).startswith("django_convoy.")
        if ours or "broker" in (params.get("OPTIONS") or {}):
            found += _of_entry(alias, params)
    return list(dict.fromkeys(found)) or [DEFAULT]


def _of_entry(alias: str, params: Mapping[str, Any]) -> list[str]:
    try:
        options = conf.parse(alias, params)
    except ConfigurationError:
        return []  # Django's checks say what is wrong
    first = DEFAULT
    if options.broker["name"] == "database":
        first = options.broker.get("alias", DEFAULT)
    found = [first]
    if options.store["name"] == "database":
        found.append(options.store.get("alias", first))
    return [*found, options.outbox.alias] if options.outbox.alias else found


class ConvoyRouter:
    """Django's routing of the app `convoy`; says nothing about any other."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        """Return where a model's rows are; an object stays where it was read."""
        if model._meta.app_label != APP:
            return None
        there = databases()
        known = getattr(getattr(hints.get("instance"), "_state", None), "db", None)
        return known if known in there else there[0]

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """Return whether the tables belong into a database."""
        return db in databases() if app_label == APP else None
