"""Convoy: the task queue for Django.

from django_convoy import task

@task(retries=3)
def send_welcome(user_id): ...

send_welcome.enqueue(user.pk)
"""

import importlib
import logging
from typing import TYPE_CHECKING, Any

from django_convoy.domain.backoff import Constant, Exponential, Linear
from django_convoy.domain.errors import (
    BrokerUnavailable,
    ConfigurationError,
    ConvoyError,
    InvalidOption,
    InvalidSchedule,
    JobExpired,
    JobInterrupted,
    ObjectGone,
    PayloadError,
    ResultTimeout,
    SignatureError,
    TaskNotFound,
    TimeoutExceeded,
    WorkerDied,
)
from django_convoy.version import VERSION

if TYPE_CHECKING:
    from django_convoy.backend import enqueue_many
    from django_convoy.framework import (
        TaskResultDoesNotExist,
        TaskResultMismatch,
        TaskResultStatus,
    )
    from django_convoy.results import Context as TaskContext
    from django_convoy.results import ConvoyResult as TaskResult
    from django_convoy.schedules import (
        Schedule,
        aschedule,
        aunschedule,
        schedule,
        unschedule,
    )
    from django_convoy.scheduling.rules import cron, every, once
    from django_convoy.tasks import ConvoyTask as Task
    from django_convoy.tasks import Job, task

__version__ = VERSION

# Silent until a site, or the worker's command, says what becomes of the log.
logging.getLogger(__name__).addHandler(logging.NullHandler())

_LAZY = {
    "Job": ("tasks", "Job"),
    "Schedule": ("schedules", "Schedule"),
    "TaskResultDoesNotExist": ("framework", "TaskResultDoesNotExist"),
    "TaskResultMismatch": ("framework", "TaskResultMismatch"),
    "TaskResultStatus": ("framework", "TaskResultStatus"),
    "Task": ("tasks", "ConvoyTask"),
    "TaskContext": ("results", "Context"),
    "TaskResult": ("results", "ConvoyResult"),
    "aschedule": ("schedules", "aschedule"),
    "aunschedule": ("schedules", "aunschedule"),
    "cron": ("scheduling.rules", "cron"),
    "enqueue_many": ("backend", "enqueue_many"),
    "every": ("scheduling.rules", "every"),
    "once": ("scheduling.rules", "once"),
    "schedule": ("schedules", "schedule"),
    "task": ("tasks", "task"),
    "unschedule": ("schedules", "unschedule"),
}
"""Names whose modules need Django's settings; imported when they are first used."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _LAZY[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)


__all__ = [
    "BrokerUnavailable",
    "ConfigurationError",
    "Constant",
    "ConvoyError",
    "Exponential",
    "InvalidOption",
    "InvalidSchedule",
    "Job",
    "JobExpired",
    "JobInterrupted",
    "Linear",
    "ObjectGone",
    "PayloadError",
    "ResultTimeout",
    "Schedule",
    "SignatureError",
    "Task",
    "TaskContext",
    "TaskNotFound",
    "TaskResult",
    "TaskResultDoesNotExist",
    "TaskResultMismatch",
    "TaskResultStatus",
    "TimeoutExceeded",
    "WorkerDied",
    "aschedule",
    "aunschedule",
    "cron",
    "enqueue_many",
    "every",
    "once",
    "schedule",
    "task",
    "unschedule",
]
