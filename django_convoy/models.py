"""Where Django looks for models."""

from django_convoy.db.models import FinishedJob, LiveJob, WorkerProcess

__all__ = ["FinishedJob", "LiveJob", "WorkerProcess"]
