"""The steward's thread that fires schedules: it sleeps until the next one is due."""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import BrokerUnavailable, ConvoyError
from django_convoy.scheduling.bells import Bell
from django_convoy.scheduling.editions import Edition
from django_convoy.scheduling.firing import Firing
from django_convoy.scheduling.table import Table

logger = logging.getLogger("django_convoy.schedules")
SIGHT_SECONDS = 30.0
"""Between two times that a steward says which declarations it has."""
FORGET_SECONDS = 600.0
"""Between two times that schedules are removed which are over; more often while there are many."""
FORGET_AT_ONCE = 50
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
BRIEF = 0.001
"""Seconds until the next look where others have what is due: twice as many each time."""


class Scheduler:
    """Fires the schedules of one site, beside any number of others.

    edition: makes what is declared by this code, in the thread that reports it. fired: told of
    new jobs, when they can be seen.
    """

    def __init__(
        self,
        table: Table,
        firing: Firing,
        edition: Callable[[], Edition],
        fired: Callable[[Sequence[Envelope]], None],
    ) -> None:
        self._table = table
        self._firing = firing
        self._make_edition = edition
        self._fired = fired
        self._edition: Edition | None = None
        self._bell = Bell(table.session)
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schedules", daemon=True)
        self._brief = BRIEF
        self._see_at = 0.0
        self._forget_at = time.monotonic() + FORGET_SECONDS * random.random()  # noqa: S311 - spread

    def start(self) -> None:
        """Begin."""
        self._bell.open()
        self._thread.start()

    def stop(self) -> None:
        """End, once what is being fired is fired."""
        self._leaving.set()
        self._bell.ring()
        if self._thread.ident is not None:
            self._thread.join(timeout=5)

    def wake(self) -> None:
        """Look again: something changed."""
        self._bell.ring()

    def hear(self, heard: bool) -> None:
        """Be told whether a listener hears of changes, and will `wake` us."""
        if self._bell.heard != heard:
            self._bell.heard = heard
            self._bell.ring()

    def _run(self) -> None:
        pause = 0.0
        try:
            while not self._leaving.is_set():
                try:
                    self._bell.attend()  # before the look, so that nothing slips between
                    rest = self._step()
                    if pause:
                        logger.warning("schedules are fired again")
                    pause = 0.0
                except (BrokerUnavailable, ConvoyError) as error:
                    pause = self._trouble(pause, error)
                    rest = pause * random.uniform(0.5, 1.5)  # noqa: S311 - spread
                except Exception as error:  # nobody would take its place
                    if not pause:
                        logger.exception("firing schedules failed; trying again")
                    pause = self._trouble(pause, error)
                    rest = pause
                self._bell.sleep(rest)
            self._leave()
        finally:
            self._table.session.close()
            self._bell.close()

    def _trouble(self, pause: float, error: Any) -> float:
        if not pause:
            logger.warning("schedules are not fired: %s; trying again", error)
        self._table.session.reset()
        return min(max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE)

    def _step(self) -> float:
        """Fire what is due; return the seconds until the next thing is."""
        began = time.monotonic()
        if began >= self._see_at:
            self._see_at = began + SIGHT_SECONDS
            self._report()
        due = self._table.next_wake()
        if due is not None and due <= 0:
            if jobs := self._firing.fire():
                self._fired(jobs)
                return 0.0
            self._brief = min(self._brief * 2, self._bell.longest)
            return self._brief
        self._brief = BRIEF
        if began >= self._forget_at:  # while nothing else is to be done
            many = self._table.forget_over(FORGET_AT_ONCE) == FORGET_AT_ONCE
            self._forget_at = began + (SIGHT_SECONDS if many else FORGET_SECONDS)
        rest = self._bell.longest if due is None else min(due, self._bell.longest)
        # The answer was true when it was given.
        return max(BRIEF, rest - (time.monotonic() - began) / 2)

    def _report(self) -> None:
        try:
            self._edition = self._edition or self._make_edition()
            self._edition.report()
        except BrokerUnavailable:
            raise
        except Exception:  # what others declared is fired all the same
            logger.exception("the declared schedules could not be compared with the table")

    def _leave(self) -> None:
        try:
            if self._edition is not None:
                self._edition.leave()
        except Exception as error:  # it counts as gone when it is silent for long enough
            logger.debug("leaving without a word: %r", error)
