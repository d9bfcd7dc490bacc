"""Every exception that Convoy raises on purpose.

ConvoyError
├── ConfigurationError      a setting or option that cannot work
├── InvalidOption           a task option that cannot work
├── InvalidSchedule         a rule of a schedule that cannot work
├── PayloadError            arguments or a result that cannot be stored
│   └── ObjectGone          a model instance that no longer exists
├── SignatureError          a job whose signature is missing or wrong
├── TaskNotFound            this code has no such task (yet)
├── UnknownFields           a job asks for what this version does not know
├── BrokerUnavailable       the store could not be reached
├── ResultTimeout           the job did not finish in the time given
├── LeaseLost               the lease went to another worker
└── JobInterrupted          raised or recorded when a run was ended from outside
    ├── TimeoutExceeded     the job ran longer than its timeout
    ├── WorkerDied          the worker process ended while the job ran
    └── JobExpired          the job was not started before it expired
"""

import re

_FIELD = re.compile(r"([a-z_]+)(?::| must | cannot | is missing| needs )")


class ConvoyError(Exception):
    """Base of all exceptions that Convoy raises on purpose."""


class ConfigurationError(ConvoyError):
    """A setting or option that cannot work; the message says what to change."""


class InvalidOption(ConvoyError, TypeError):
    """A task option that cannot work; the message says what is allowed."""


class InvalidSchedule(ConvoyError, ValueError):
    """A rule of a schedule that cannot work; the message says the field and what is allowed.

    field: its name; empty where the mistake is in none. Messages that do not begin with it are
    given it.
    """

    def __init__(self, message: str, field: str = "") -> None:
        """Read the field from the message, unless it is given."""
        super().__init__(message)
        named = _FIELD.match(message)
        self.field = field or (named[1] if named else "")


class PayloadError(ConvoyError, TypeError):
    """Arguments or a return value that the serializer cannot carry."""


class ObjectGone(PayloadError):
    """A model instance passed as an argument no longer exists."""


class SignatureError(ConvoyError):
    """The signature of a job is missing, wrong, or made with an unknown key."""


class TaskNotFound(ConvoyError):
    """The task is not in this process's code."""


class UnknownFields(ConvoyError):
    """The job needs a field or version that this release does not know."""


class BrokerUnavailable(ConvoyError):
    """The store could not be reached."""

    arrived = True
    """Whether it may have done what it was asked all the same; False: it was not asked."""


class ResultTimeout(ConvoyError, TimeoutError):
    """The job did not finish in the time given to `wait()`."""


class LeaseLost(ConvoyError):
    """The lease of a job went to another worker; nothing may be written."""


class JobInterrupted(ConvoyError):
    """A run was ended from outside."""


class TimeoutExceeded(JobInterrupted):
    """The job ran longer than its timeout."""


class WorkerDied(JobInterrupted):
    """The worker process ended while the job ran."""


class JobExpired(JobInterrupted):
    """The job was not started before it expired."""
