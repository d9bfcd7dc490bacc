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
    from django_convoy.tasks import ConvoyTask as Task
    from django_convoy.tasks import Job, task

__version__ = VERSION

# Silent until a site, or the worker's command, says what becomes of the log.
logging.getLogger(__name__).addHandler(logging.NullHandler())

_LAZY = {
    "Job": ("tasks", "Job"),
    "TaskResultDoesNotExist": ("framework", "TaskResultDoesNotExist"),
    "TaskResultMismatch": ("framework", "TaskResultMismatch"),
    "TaskResultStatus": ("framework", "TaskResultStatus"),
    "Task": ("tasks", "ConvoyTask"),
    "TaskContext": ("results", "Context"),
    "TaskResult": ("results", "ConvoyResult"),
    "enqueue_many": ("backend", "enqueue_many"),
    "task": ("tasks", "task"),
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
    "Job",
    "JobExpired",
    "JobInterrupted",
    "Linear",
    "ObjectGone",
    "PayloadError",
    "ResultTimeout",
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
    "enqueue_many",
    "task",
]
