"""Tries new code before anybody runs on it: the same command line in a child, which loads the
site, reads the settings, looks at the database, and leaves where it would begin to work."""

import contextlib
import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from typing import IO

from django_convoy.worker.deaths import describe
from django_convoy.worker.reexec import command_line

logger = logging.getLogger("django_convoy.supervisor")
VARIABLE = "CONVOY_REHEARSAL"
LAST_LINES = 12


def is_rehearsal() -> bool:
    """Return whether this process was started to try the code only."""
    return VARIABLE in os.environ


class Rehearsal:
    """At most one at a time, and never waited for: its parent hears SIGCHLD."""

    def __init__(self) -> None:
        self._pid = 0
        self._output: IO[bytes] | None = None

    def begin(self) -> None:
        """Start one; one that is under way has loaded older code, and is ended."""
        self.end()
        logger.info("trying whether the new code starts; all goes on meanwhile")
        try:
            self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is over
            process = subprocess.Popen(  # noqa: S603 - ourselves
                command_line(),
                env={**os.environ, VARIABLE: "1"},
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                process_group=0,
            )
        except OSError as error:  # no memory, or too many processes
            logger.error("the new code cannot be tried: %s; the old code goes on", error)
            return
        process.returncode = 0  # reaped by the supervisor, not by this object
        self._pid = process.pid

    def end(self) -> None:
        """End the one that is under way, if any."""
        if self._pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)
        self._close()

    def succeeded(self, ended: Mapping[int, int]) -> bool:
        """Return whether it is among those that ended, and well; say so if not well.

        ended: pid to wait status.
        """
        status = ended.get(self._pid)
        if status is None or not self._pid:
            return False
        if status:
            logger.error(
                "the new code does not start (%s), so the old code goes on; HUP tries again\n%s",
                describe(status),
                self._last_words(),
            )
        self._close()
        return status == 0

    def _last_words(self) -> str:
        if self._output is None:
            return ""
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-LAST_LINES:])

    def _close(self) -> None:
        self._pid = 0
        if self._output is not None:
            self._output.close()
            self._output = None
