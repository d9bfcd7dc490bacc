"""The sweep on PostgreSQL: one look by an index; a transaction only where there is something."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django_convoy.brokers.database_sweep import LONG_AGO, Sweep
from django_convoy.brokers.postgres_marks import Mark
from django_convoy.brokers.postgres_statements import LOOK
from django_convoy.db.session import Session

LOOK_PAUSE = 0.2
"""The least seconds between two looks of a busy worker."""


class PostgresSweep(Sweep):
    """Remembers until when there was nothing to sweep, and begins there."""

    def __init__(self, session: Session, holder_lives: Callable[[str], bool]) -> None:
        super().__init__(session.dialect, holder_lives)
        self._session = session
        self._mark: Mark[datetime] = Mark()

    def beyond(self) -> tuple[str, list[Any]]:
        """Return the time until which there was nothing, as long as that holds."""
        key = self._mark.key
        return "%s", [key if key is not None and self._mark.holds() else LONG_AGO]

    def tidy(self, lease: float) -> bool:
        """Sweep if something is to be swept; return whether it was."""
        began = time.monotonic()
        if began < self._next:
            return False
        self._next = began + LOOK_PAUSE
        from_start = not self._mark.holds()
        ((due, suspects, now),) = self._session.statement(LOOK, self.beyond()[1])
        if from_start:
            self._mark.walked(time.monotonic() - began)
        if due:
            self._next = 0.0
            self._session.write(lambda cursor: self.run(cursor, lease))
            return True
        self._mark.key = now
        if suspects:
            self._session.read(self._look_for_suspects)
        else:
            self.suspects = set()
        return False
