"""Where Django looks for models."""

from django_convoy.db.models import FinishedJob, LiveJob, OutboxJob, WorkerProcess

__all__ = ["FinishedJob", "LiveJob", "OutboxJob", "WorkerProcess"]
