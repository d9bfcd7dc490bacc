"""What the log says of jobs that did not succeed."""

import logging
from typing import Any

from django_convoy.domain.envelope import Lease
from django_convoy.domain.outcome import (
    Cancelled,
    Error,
    Failed,
    Outcome,
    Quarantined,
    Released,
    Retry,
)

logger = logging.getLogger("django_convoy.worker")


def tell(lease: Lease, outcome: Outcome) -> None:
    """Log an outcome, with `job_id`, `task` and `attempt` on the record for structured logs."""
    name = f"job {lease.id} ({lease.envelope.task})"
    about: dict[str, Any] = {
        "job_id": lease.id,
        "task": lease.envelope.task,
        "attempt": lease.attempt,
    }
    match outcome:
        case Retry(error, delay):
            logger.info("%s raised %s; again in %.1f s", name, _said(error), delay, extra=about)
        case Failed(error):
            words = "%s failed at attempt %d: %s"
            logger.warning(words, name, lease.attempt, _said(error), extra=about)
        case Cancelled(error):
            logger.warning("%s is not run: %s", name, _said(error), extra=about)
        case Quarantined(reason):
            logger.error("%s is quarantined: %s", name, reason, extra=about)
        case Released(reason) if reason:
            logger.info("%s goes back: %s", name, reason, extra=about)


def _said(error: Error) -> str:
    return f"{error.exception_class_path}: {error.message}"
