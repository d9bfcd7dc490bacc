"""Keeps nothing: what failed stays in the broker, set aside."""

from collections.abc import Sequence

from django_convoy.contracts.store import Record, Store


class NoStore(Store):
    """Forgets results at once."""

    durable = False

    def finished(self, records: Sequence[Record]) -> None:
        """Do nothing."""

    def get(self, job_id: str) -> Record | None:
        """Return None."""
        return None

    def wait(self, job_id: str, timeout: float) -> Record | None:
        """Return None at once: there will never be a record."""
        return None
