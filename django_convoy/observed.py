"""Whether anybody would notice a signal: most jobs need no TaskResult made for nobody."""

import logging
import time

from django.conf import settings
from django.dispatch import Signal
from django.utils.log import RequireDebugTrue

from django_convoy.framework import task_signals

_OWN = {
    task_signals.task_enqueued: (task_signals.log_task_enqueued, logging.DEBUG),
    task_signals.task_started: (task_signals.log_task_started, logging.INFO),
    task_signals.task_finished: (task_signals.log_task_finished, logging.INFO),
}
"""Django's own receivers, which only write to its log."""
REMEMBER_SECONDS = 1.0


class _Answers:
    """What would be logged, looked up once a second: asking all handlers takes time."""

    def __init__(self) -> None:
        self.until = 0.0
        self.levels: dict[int, bool] = {}
        self.level = logging.NOTSET
        self.propagate = True
        self.handlers: list[logging.Handler] = []

    def would_log(self, level: int) -> bool:
        logger = task_signals.logger
        # A test that looks at the log, as with `assertLogs`, changes these and is seen at once.
        if (
            time.monotonic() > self.until
            or logger.level != self.level
            or logger.propagate != self.propagate
            or logger.handlers != self.handlers
        ):
            self.until, self.levels = time.monotonic() + REMEMBER_SECONDS, {}
            self.level, self.propagate = logger.level, logger.propagate
            self.handlers = list(logger.handlers)
        known = self.levels.get(level)
        if known is None:
            known = self.levels[level] = _would_log(logger, level)
        return known


_answers = _Answers()


def is_observed(signal: Signal) -> bool:
    """Return whether sending the signal would do anything."""
    own, level = _OWN[signal]
    receivers = signal.receivers
    if len(receivers) != 1 or receivers[0][0][0] != id(own):
        return True
    return _answers.would_log(level)


def _would_log(logger: logging.Logger, level: int) -> bool:
    """Return whether a record of this level would reach a handler that takes it.

    Django's default logging has a handler for this logger that takes nothing unless DEBUG.
    """
    if not logger.isEnabledFor(level):
        return False
    if logger.filters:
        return True
    current: logging.Logger | None = logger
    found = False
    while current is not None:
        for handler in current.handlers:
            found = True
            if level >= handler.level and not _takes_nothing(handler):
                return True
        if not current.propagate:
            break
        current = current.parent
    return not found and level >= logging.WARNING


def _takes_nothing(handler: logging.Handler) -> bool:
    if isinstance(handler, logging.NullHandler):
        return True
    return not settings.DEBUG and any(isinstance(one, RequireDebugTrue) for one in handler.filters)
