"""What features need to know of one alias of TASKS; a `runtime.Runtime` is one."""

from typing import Protocol

from django_convoy.core.codec import Codec


class Site(Protocol):
    """One alias of TASKS: its names, and who signs its jobs."""

    @property
    def alias(self) -> str:
        """Its name in TASKS."""

    @property
    def codec(self) -> Codec:
        """Signs and opens its jobs."""

    def full_name(self, queue: str) -> str:
        """Return a queue's name with the namespace in front."""

    def short_name(self, full: str) -> str | None:
        """Return a queue's name as users know it, None for another namespace's."""
