"""What a process logs of being cut off from its broker: once per outage, whichever step notices."""

import logging
import time

STEADY_SECONDS = 2.0
"""For so long nothing fails before an outage is over: a server that goes down answers at times."""


class Outage:
    """One process's word about its broker. is_open: whether it has said that it is cut off, and
    not yet that this is over."""

    def __init__(self, logger: logging.Logger) -> None:
        self.is_open = False
        self._logger = logger
        self._began = 0.0
        self._back: float | None = None

    def failed(self, words: str, *args: object) -> None:
        """Say that the broker cannot be reached, if that is news."""
        self._back = None
        if not self.is_open:
            self.is_open, self._began = True, time.monotonic()
            self._logger.warning(words, *args)

    def worked(self) -> None:
        """Say that it can, once that is certain."""
        if not self.is_open:
            return
        now = time.monotonic()
        if self._back is None:
            self._back = now
        elif now >= self._back + STEADY_SECONDS:
            self.is_open = False
            away = self._back - self._began
            self._logger.warning("connected to the broker again, after %.1f s", away)


outage = Outage(logging.getLogger("django_convoy.worker"))
"""That of a worker process."""
