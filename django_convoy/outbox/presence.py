"""Whether a table is there, asked no more than needed."""

import time
from typing import Any

from django_convoy.db.session import Session

MISSING_SECONDS = 60.0
"""Seconds until a table that was not there is looked for again."""


class Presence:
    """Called: returns whether the site's database has the table; asks once, if it has."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._name = name
        self._exists = False
        self._missing_until = 0.0

    def __call__(self) -> bool:
        """Look, unless it is known."""
        if not self._exists and time.monotonic() >= self._missing_until:
            self._exists = self._session.read(self._is_there)
            self._missing_until = time.monotonic() + MISSING_SECONDS
        return self._exists

    def _is_there(self, cursor: Any) -> bool:
        return self._name in self._session.connection.introspection.table_names(cursor)
