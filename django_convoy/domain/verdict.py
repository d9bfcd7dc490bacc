"""What the broker is told of a held job."""

from dataclasses import dataclass

from django_convoy.domain.envelope import Note


@dataclass(frozen=True, slots=True)
class Done:
    """The job is over: forget it."""


@dataclass(frozen=True, slots=True)
class Again:
    """Deliver it again after `delay` seconds.

    refund: this delivery does not count as an attempt.
    note: what to remember of it.
    """

    delay: float
    refund: bool
    note: Note


@dataclass(frozen=True, slots=True)
class Bury:
    """Set it aside, visible, until somebody retries or removes it."""

    note: Note


Verdict = Done | Again | Bury
DONE = Done()
