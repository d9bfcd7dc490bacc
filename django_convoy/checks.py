"""System checks: what can be known wrong before anything runs."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning

from django_convoy import conf
from django_convoy.domain.errors import ConfigurationError, InvalidOption
from django_convoy.domain.options import AT_MOST_ONCE, JobOptions, check_together
from django_convoy.runtime import runtime_of

SQLITE_TIMEOUT = 5.0


def check_atomic(policy: JobOptions, options: Mapping[str, Any]) -> None:
    """Raise InvalidOption for an atomic task that this backend cannot keep its promise for."""
    if not policy.atomic:
        return
    broker = options.get("broker", "database")
    given: Mapping[str, Any] = {"name": broker} if isinstance(broker, str) else broker
    if given.get("name") != "database":
        raise InvalidOption(
            'atomic=True needs a broker in the database that the task writes to: broker: "database"'
        )
    store = options.get("store", "database")
    if (store if isinstance(store, str) else store.get("name")) != "database":
        raise InvalidOption('atomic=True needs results in the same database: store: "database"')
    database: Mapping[str, Any] = settings.DATABASES.get(given.get("alias", "default"), {})
    if "sqlite" not in database.get("ENGINE", ""):
        return
    # It holds SQLite's one write lock while it runs: nobody else can renew a lease meanwhile.
    busy = float((database.get("OPTIONS") or {}).get("timeout", SQLITE_TIMEOUT))
    lease = float(options.get("lease", conf.Options.__dataclass_fields__["lease"].default))
    longest = min(busy * 0.8, lease / 3)
    if policy.timeout is None or policy.timeout > longest:
        raise InvalidOption(
            f"atomic=True on SQLite needs timeout={longest:g} or less: while it runs nobody else "
            "can write. For longer work leave atomic out, or use PostgreSQL"
        )


def check_delivery(policy: JobOptions, options: Mapping[str, Any]) -> None:
    """Raise InvalidOption for a task that asks for more than its broker promises."""
    if policy.delivery != AT_MOST_ONCE and conf.delivers_at_most_once(options):
        raise InvalidOption(
            f"delivery={policy.delivery!r} needs a broker that keeps a job until it is done, and "
            'this one has delivery="at_most_once"'
        )


def check_defaults(
    alias: str, defaults: Mapping[str, Any], options: Mapping[str, Any]
) -> list[CheckMessage]:
    """Return what is wrong with OPTIONS['task'] for a task that says nothing itself."""
    try:
        policy = JobOptions(**defaults)
        check_together(policy, is_async=False)
        check_atomic(policy, options)
        check_delivery(policy, options)
    except InvalidOption as error:
        where = f"TASKS[{alias!r}]['OPTIONS']['task']"
        return [Error(f"{where}: {error}", obj=f"TASKS[{alias!r}]", id="convoy.E004")]
    return []


def check_backend(alias: str, options: Mapping[str, Any], queues: set[str]) -> list[CheckMessage]:
    """Return what is wrong with one entry of TASKS."""
    where = f"TASKS[{alias!r}]"
    try:
        runtime = runtime_of(alias)
    except ConfigurationError as error:
        return [Error(str(error), obj=where, id="convoy.E001")]
    found = check_defaults(alias, runtime.options.task, options)
    database = runtime.shared.broker.capabilities.transactional
    if database is not None and settings.DATABASES[database].get("AUTOCOMMIT") is False:
        found.append(
            Error(
                f"database {database!r} has AUTOCOMMIT=False: an enqueue outside a transaction "
                "would never be committed",
                hint="Remove AUTOCOMMIT; use transaction.atomic() where you want transactions.",
                obj=where,
                id="convoy.E002",
            )
        )
    if "django_convoy" not in settings.INSTALLED_APPS and not any(
        app.startswith("django_convoy.apps") for app in settings.INSTALLED_APPS
    ):
        found.append(
            Error(
                "django_convoy is not in INSTALLED_APPS, so its tables and commands are missing",
                obj=where,
                id="convoy.E003",
            )
        )
    if runtime.options.serializer == "pickle" or "pickle" in runtime.options.accept:
        found.append(
            CheckWarning(
                "pickle is accepted: whoever knows SECRET_KEY can run any code in a worker",
                hint="Silence convoy.W001 if you need it.",
                obj=where,
                id="convoy.W001",
            )
        )
    return found
