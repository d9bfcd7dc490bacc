"""What follows from a failure: another attempt, an end, or quarantine."""

import math
from dataclasses import dataclass

from django_convoy.domain.envelope import Lease
from django_convoy.domain.options import AT_MOST_ONCE, JobOptions
from django_convoy.domain.outcome import Error, Failed, Interrupted, Quarantined, Retry

LONGEST_WAIT = 366 * 86400.0
"""Seconds; whatever a backoff says."""
CRASH_PAUSE, LONGEST_CRASH_PAUSE = 0.1, 30.0
"""Seconds before a job that took its worker down is tried again: doubled each time, to the most."""


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended, as one of its jobs sees it.

    reason: in words. guilty: the job is known to have done it. suspect: it may have.
    """

    reason: str
    guilty: bool
    suspect: bool = False


def after_error(lease: Lease, options: JobOptions, error: BaseException) -> Failed | Retry:
    """Decide what follows from an exception out of the body."""
    described = Error.of(error, lease.attempt)
    if (
        lease.note.failures >= options.retries
        or not isinstance(error, options.retry_on)
        or isinstance(error, options.give_up_on)
    ):
        return Failed(described)
    try:
        delay = float(options.backoff(lease.note.failures + 1))
        if not math.isfinite(delay):
            raise ValueError(f"backoff gave {delay}, which is no time to wait for")
    except Exception as broken:  # a user's own curve
        broken.add_note("raised by the task's backoff; the job is not retried")
        return Failed(Error.of(broken, lease.attempt))
    return Retry(described, min(max(0.0, delay), LONGEST_WAIT))


def after_death(
    lease: Lease, options: JobOptions, death: Death
) -> Interrupted | Quarantined | Failed:
    """Decide what follows when the worker ended while the job ran.

    Only the guilty are charged: others run again, and say that they were interrupted.
    """
    if options.delivery == AT_MOST_ONCE:
        from_death = Error(
            "django_convoy.domain.errors.WorkerDied", death.reason, "", lease.attempt, ""
        )
        return Failed(from_death)
    if not death.guilty:
        return Interrupted(death.reason, 0.0, crash=False, suspect=death.suspect)
    crashes = lease.note.crashes + 1
    if crashes >= options.crash_budget:
        return Quarantined(over_budget(crashes, death.reason), crash=True)
    return Interrupted(death.reason, crash_pause(crashes), crash=True)


def crash_pause(crashes: int) -> float:
    """Return the seconds before another attempt, after so many crashes."""
    return min(CRASH_PAUSE * 2.0 ** min(crashes - 1, 30), LONGEST_CRASH_PAUSE)


def over_budget(crashes: int, reason: str) -> str:
    """Return the sentence that says why a job is in quarantine."""
    times = "once" if crashes == 1 else f"{crashes} times"
    return f"took its worker down {times} ({reason}); see crash_budget"
