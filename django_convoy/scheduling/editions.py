"""Brings the table to what the code declares, also while hosts with older code still run.

All that code and settings declare is one *edition*. The edition in force is the newest that anybody
ran first; it stays in force for as long as some worker with it lives. So a worker with older code
that starts again in the middle of a deploy changes nothing, and going back to older code takes
effect when the last worker with newer code is gone.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django_convoy.scheduling.book import Book
from django_convoy.scheduling.declaration import DECLARED, Declaration

logger = logging.getLogger("django_convoy.schedules")
SILENT = timedelta(seconds=90)
"""An edition that no worker reported for so long is run by nobody."""
REMEMBERED = 50


class Edition:
    """The declarations of this code."""

    def __init__(self, book: Book, declarations: Sequence[Declaration]) -> None:
        self._book = book
        self._declarations = declarations
        self._marks = {one.name: book.mark(one) for one in declarations}
        listed = json.dumps(sorted(self._marks.items()))
        self.id = hashlib.sha256(listed.encode()).hexdigest()[:32]

    def apply(self) -> bool:
        """Bring the table to these declarations, unless newer ones are in force; say which."""
        changed = self._book.table.session.together(lambda: self._take_force(started=True))
        if changed:
            self._book.tell()
        return changed is not None

    def report(self) -> None:
        """Say that these declarations are run; take force when nobody runs newer ones any more."""
        if self._book.table.session.together(lambda: self._take_force(started=False)):
            self._book.tell()

    def _take_force(self, *, started: bool) -> int | None:
        """Return how many schedules were changed; None: other declarations are in force."""
        table = self._book.table
        _, current, text = table.take_site()
        now = table.now()
        seen = {one: datetime.fromisoformat(at) for one, at in json.loads(text).items()}
        known, last = self.id in seen, seen.get(current)
        seen[self.id] = now
        newest = sorted(seen.items(), key=lambda pair: pair[1])[-REMEMBERED:]
        kept = {one: at.astimezone(UTC).isoformat() for one, at in newest}
        lives = last is not None and now - last < SILENT
        if current not in ("", self.id) and known and lives:
            if started:
                logger.warning(
                    "the schedules of newer code stay in force: a worker that declares them was "
                    "seen %.0f s ago",
                    (now - last).total_seconds() if last else 0,
                )
            table.update_site({"editions": json.dumps(kept)})
            return None
        table.update_site({"edition": self.id, "editions": json.dumps(kept)})
        return self._write(now) if started or current != self.id else 0

    def _write(self, now: datetime) -> int:
        there = {row.name: row for row in self._book.all()}
        changed = 0
        for one in self._declarations:
            row = there.get(one.name)
            if row is not None and row.mark == self._marks[one.name] and not row.retired:
                continue
            if row is not None and row.origin not in DECLARED:
                logger.warning(
                    "schedule %s was made by %s; now the code declares it", row.name, row.origin
                )
            self._book.write(one, row, now)
            changed += 1
        for row in there.values():
            if row.origin in DECLARED and row.name not in self._marks and not row.retired:
                self._book.table.update(row.name, {"retired": True, "wake_at": None})
                logger.info("schedule %s is no longer declared: retired", row.name)
                changed += 1
        changed += self._book.sign_anew()
        if changed:
            logger.info("schedules: %d changed to what the code declares", changed)
        return changed
