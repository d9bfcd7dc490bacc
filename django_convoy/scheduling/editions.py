"""Brings the table to what the code declares, also while hosts with older code still run.

All that code and settings declare is one *edition*. The edition in force is the newest that anybody
ran first; it stays in force for as long as some worker with it lives. So a worker with older code
that starts again in the middle of a deploy changes nothing, and going back to older code takes
effect when the last worker with newer code has stopped.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django_convoy.domain.ids import token
from django_convoy.scheduling.book import Book
from django_convoy.scheduling.declaration import DECLARED, Declaration

logger = logging.getLogger("django_convoy.schedules")
SILENT = timedelta(seconds=90)
"""An edition that no steward reported for so long is run by nobody."""
STARTING = timedelta(seconds=15)
"""For so long one counts as run by the worker that has just started with it."""
REMEMBERED = 50
_START = ""
Sights = dict[str, dict[str, datetime]]
"""By edition: who has it, and when that was reported; `_START` for workers that started."""


class Edition:
    """The declarations of this code. who: names the steward that reports them."""

    def __init__(self, book: Book, declarations: Sequence[Declaration]) -> None:
        self._book = book
        self._declarations = declarations
        self._marks = {one.name: book.mark(one) for one in declarations}
        listed = json.dumps(sorted(self._marks.items()))
        self.id = hashlib.sha256(listed.encode()).hexdigest()[:32]
        self.who = token()

    def apply(self) -> bool:
        """Bring the table to these declarations; return False where newer ones are in force."""
        changed = self._together(lambda: self._take_force(_START))
        if changed is None:
            logger.warning(
                "the schedules of newer code stay in force while a worker runs it; those of this "
                "code follow within half a minute after"
            )
        return changed is not None

    def report(self) -> None:
        """Say that a steward runs these; take force when nobody runs newer ones any more."""
        self._together(lambda: self._take_force(self.who))

    def leave(self) -> None:
        """Say that this steward runs them no longer."""
        self._together(self._leave)

    def _together(self, work: Callable[[], int | None]) -> int | None:
        changed = self._book.table.session.together(work)
        if changed:
            self._book.tell()
        return changed

    def _take_force(self, who: str) -> int | None:
        """Return how many schedules were changed; None: other declarations are in force."""
        table = self._book.table
        _, current, text = table.take_site()
        now, sights = table.now(), _read(text)
        known = self.id in sights
        sights.setdefault(self.id, {})[who] = now
        listed = _written(sights, now)
        if current not in ("", self.id) and known and _lives(sights.get(current, {}), now):
            table.update_site({"editions": listed})
            return None
        table.update_site({"edition": self.id, "editions": listed})
        return self._write(now) if who == _START or current != self.id else 0

    def _leave(self) -> None:
        table = self._book.table
        sights = _read(table.take_site()[2])
        if sights.get(self.id, {}).pop(self.who, None) is not None:
            table.update_site({"editions": _written(sights, table.now())})

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
            self._book.write(one, self._book.table.take(one.name), now)
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


def _lives(sights: dict[str, datetime], now: datetime) -> bool:
    return any(now - at < (SILENT if who else STARTING) for who, at in sights.items())


def _read(text: str) -> Sights:
    return {
        edition: {who: datetime.fromisoformat(at) for who, at in sights.items()}
        for edition, sights in json.loads(text).items()
    }


def _written(sights: Sights, now: datetime) -> str:
    """Return the newest editions as text, without stewards that have been silent for long."""
    newest = sorted(sights, key=lambda one: max(sights[one].values(), default=now))
    kept = {
        edition: {
            who: at.isoformat()
            for who, at in sights[edition].items()
            if who == _START or now - at < SILENT
        }
        for edition in newest[-REMEMBERED:]
    }
    return json.dumps(kept)
