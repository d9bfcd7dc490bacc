"""One suspect at a time in a tree, so that it is clear who took the tree down.

Two that ran side by side when their tree died would both be charged, and meet again in the next
one. A suspect that has run for a while lets others begin: it does not hold them up for hours.
"""

import time
from collections.abc import Sequence

from django_convoy.domain.envelope import Lease
from django_convoy.worker.board import Board

SECONDS = 60.0
"""For so long nobody else begins a suspect, unless this one is over."""


class Probation:
    """The right of one worker to run a suspect. Called: ask for it."""

    def __init__(self, board: Board, region: int) -> None:
        self._board = board
        self._region = region
        self._reserved = False
        self._runs = False

    def __call__(self) -> bool:
        """Return whether this worker may claim a suspect now."""
        self.give_back()  # a claim that waits asks before each look
        if not self._board.begin_probation(self._region, time.monotonic() + SECONDS):
            return False
        self._reserved = True
        return True

    def give_back(self) -> None:
        """Do without the right that was given: there was no suspect."""
        if self._reserved:
            self._reserved = False
            self._board.end_probation(self._region)

    def claimed(self, leases: Sequence[Lease]) -> None:
        """Give the right back unless a suspect came of it."""
        if not self._reserved:
            return
        self._runs = any(lease.note.suspect for lease in leases)
        if self._runs:
            self._reserved = False
        self.give_back()

    def over(self) -> None:
        """The suspect is settled, or is another's."""
        if self._runs:
            self._runs = False
            self._board.end_probation(self._region)
