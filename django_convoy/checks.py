"""System checks: what can be known wrong before anything runs."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, reverse

from django_convoy import conf
from django_convoy.assembly import is_of_database, promised
from django_convoy.brokers.debug_web import INCLUDE, VIEW, DebugWebBroker
from django_convoy.domain.errors import ConfigurationError, InvalidOption
from django_convoy.domain.options import JobOptions, check_together
from django_convoy.domain.promises import check_task
from django_convoy.runtime import Runtime, runtime_of
from django_convoy.schedules import in_settings

SQLITE_TIMEOUT = 5.0


def check_promised(policy: JobOptions, priority: int, options: Mapping[str, Any]) -> None:
    """Raise InvalidOption for a task that this backend cannot keep its promises to.

    As far as can be told before anything is opened; an enqueue asks the broker itself.
    """
    given = _named(options.get("broker", "database"))
    can = promised(given)
    if can is None:
        return
    check_task(can, str(given["name"]), policy, priority)
    if policy.atomic and can.shared:
        _check_atomic(policy, given, options)


def _named(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {"name": value}


def _check_atomic(
    policy: JobOptions, broker: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    if not is_of_database(_named(options.get("store", "database")).get("name")):
        raise InvalidOption('atomic=True needs results in the same database: store: "database"')
    database: Mapping[str, Any] = settings.DATABASES.get(broker.get("alias", "default"), {})
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


def check_defaults(
    alias: str, defaults: Mapping[str, Any], options: Mapping[str, Any]
) -> list[CheckMessage]:
    """Return what is wrong with OPTIONS['task'] for a task that says nothing itself."""
    try:
        policy = JobOptions(**defaults)
        check_together(policy, is_async=False)
        check_promised(policy, 0, options)
    except InvalidOption as error:
        where = f"TASKS[{alias!r}]['OPTIONS']['task']"
        return [Error(f"{where}: {error}", obj=f"TASKS[{alias!r}]", id="convoy.E004")]
    return []


def _has_page() -> bool:
    try:
        reverse(VIEW, args=["x"])
    except (NoReverseMatch, ImproperlyConfigured):  # the latter: there is no ROOT_URLCONF
        return False
    return True


def check_schedules(runtime: Runtime) -> list[CheckMessage]:
    """Return what is wrong with OPTIONS['schedules']; with the rest workers begin."""
    try:
        list(in_settings(runtime))
    except ConfigurationError as error:
        where = f"TASKS[{runtime.alias!r}]"
        return [Error(str(error), obj=where, id="convoy.E007")]
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
    if isinstance(runtime.shared.broker, DebugWebBroker) and not _has_page():
        found.append(Error(INCLUDE, obj=where, id="convoy.E005"))
    fixed, asked = runtime.shared.broker.capabilities.fixed_lease, runtime.options.lease
    if fixed is not None and asked > fixed.total_seconds():
        found.append(
            Error(
                f"lease is {asked:g} s, and this broker gives each job {fixed.total_seconds():g} s "
                "when it is added: it would run again while it still runs",
                hint="Lower OPTIONS['lease'], or raise the broker's own.",
                obj=where,
                id="convoy.E006",
            )
        )
    found += check_schedules(runtime)
    if (
        runtime.outbox_alias is not None
        and runtime.shared.outbox is None
        and runtime.options.enqueue == "outbox"
    ):
        found.append(
            CheckWarning(
                f"Convoy's tables are not in database {runtime.outbox_alias!r}: jobs that are "
                "enqueued in its transactions are sent after the commit, and lost when the process "
                "dies in between",
                hint='Name a database with them in OPTIONS["outbox"]["alias"], or say that you '
                'know by OPTIONS["enqueue"]: "on_commit".',
                obj=where,
                id="convoy.W002",
            )
        )
    limited = runtime.shared.broker.capabilities.max_body is not None
    if runtime.options.outbox.spill and limited and runtime.shared.spill is None:
        found.append(
            CheckWarning(
                'OPTIONS["outbox"]["spill"] is set, and no database that this broker can use for '
                "it has Convoy's tables: larger jobs are refused",
                hint='Name a database with them in OPTIONS["outbox"]["alias"].',
                obj=where,
                id="convoy.W003",
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
