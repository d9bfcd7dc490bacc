"""Times that are UTC in the table whatever USE_TZ says, so that hand-written SQL can compare."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

AS_UTC = " AT TIME ZONE 'UTC'"
"""PostgreSQL's way to a time that says what it is in UTC."""


def to_column(value: datetime | None, vendor: str) -> Any:
    """Return an aware time as the driver of this vendor stores it."""
    if value is None or vendor == "postgresql":
        return value
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    if vendor == "sqlite":
        return value.isoformat(" ", "microseconds")[:26]  # without "+00:00"
    return value.replace(tzinfo=None)


def from_column(value: Any) -> datetime | None:
    """Return an aware time in UTC from what a driver gave."""
    if value is None:
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)  # type: ignore[no-any-return]
    return value.astimezone(UTC)  # type: ignore[no-any-return]


def to_local(value: datetime | None) -> datetime | None:
    """Return an aware time as this site writes times: naive and local where USE_TZ is False."""
    if value is None or settings.USE_TZ:
        return value
    return timezone.make_naive(value)


class ExactCharField(models.CharField):  # type: ignore[type-arg]
    """A CharField compared by code points: "Mail" and "mail" are two names, also on MySQL and
    MariaDB, and no language's order makes PostgreSQL's indexes slow."""

    def db_parameters(self, connection: Any) -> Any:
        """Say the collation where the database has another."""
        collations = {"mysql": "utf8mb4_bin", "postgresql": "C"}
        exact = (
            {"collation": collations[connection.vendor]} if connection.vendor in collations else {}
        )
        return {**super().db_parameters(connection), **exact}

    def db_type(self, connection: Any) -> str | None:
        """Spell PostgreSQL's type out: beside a `varchar` Django makes a second index for LIKE,
        which this collation does not need, and which costs a seventh of the log of each job."""
        if connection.vendor == "postgresql":
            return f"character varying({self.max_length})"
        return super().db_type(connection)


class UTCDateTimeField(models.DateTimeField):  # type: ignore[type-arg]
    """A DateTimeField whose column is UTC also where USE_TZ is False."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Return what the driver stores."""
        if isinstance(value, datetime):
            if timezone.is_naive(value):
                value = timezone.make_aware(value)
            return to_column(value, connection.vendor)
        return super().get_db_prep_value(value, connection, prepared)

    def select_format(self, compiler: Any, sql: str, params: Any) -> Any:
        """Have PostgreSQL say UTC; see `db.dialect`."""
        if compiler.connection.vendor == "postgresql":
            return f"{sql}{AS_UTC}", params
        return sql, params

    def get_db_converters(self, connection: Any) -> list[Any]:
        """Leave the backend's own conversion by settings.TIME_ZONE out."""
        return [self._read]

    @staticmethod
    def _read(value: Any, expression: Any, connection: Any) -> datetime | None:
        return to_local(from_column(value))
