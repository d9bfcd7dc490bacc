"""What a process logs of being cut off from its broker: once per outage, whichever step notices."""

import logging
import time

logger = logging.getLogger("django_convoy.worker")
STEADY_SECONDS = 2.0
"""What comes back within this time is the same outage: a server that goes down answers at times."""


class Outage:
    """One process's word about its broker."""

    def __init__(self) -> None:
        self._over_at: float | None = None

    def begins(self, words: str, *args: object) -> None:
        """Warn that the broker cannot be reached, unless that was only just so."""
        over = self._over_at
        same = over is not None and time.monotonic() < over + STEADY_SECONDS
        logger.log(logging.DEBUG if same else logging.WARNING, words, *args)

    def ends(self, words: str, *args: object) -> None:
        """Say that it can."""
        self._over_at = time.monotonic()
        logger.warning(words, *args)


outage = Outage()
