"""Sends what waits in the outbox when its time has come. A thread of the steward, on a connection
of its own: neither renewals nor reports wait behind a broker that does not answer."""

import logging
import random
import threading

from django_convoy.domain.errors import ConvoyError
from django_convoy.worker.engine import Engine

logger = logging.getLogger("django_convoy.steward")
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0


class Posting:
    """Sleeps until a row is due, or for as long as a leftover may wait."""

    def __init__(self, engine: Engine) -> None:
        self._relay = engine.relay
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin, where there is an outbox."""
        if self._relay is not None:
            self._thread.start()

    def stop(self) -> None:
        """End; what is being sent is sent again by another steward, unless that is over soon."""
        self._leaving.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        assert self._relay is not None  # noqa: S101 - as `start` saw
        failures = 0
        try:
            while not self._leaving.is_set():
                try:
                    pause = self._relay.step()
                    if failures:
                        logger.warning("jobs in the outbox are sent again")
                    failures = 0
                except Exception as error:  # nobody would take its place
                    failures += 1
                    if failures == 1:
                        expected = isinstance(error, ConvoyError)
                        logger.warning(
                            "jobs in the outbox wait: %s",
                            error,
                            exc_info=None if expected else error,
                        )
                    pause = min(FIRST_PAUSE * 2 ** min(failures, 6), LONGEST_PAUSE)
                    pause *= random.uniform(0.5, 1.5)  # noqa: S311 - spread
                self._leaving.wait(pause)
        finally:
            self._relay.close()
