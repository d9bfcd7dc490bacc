"""Where Django looks for models."""

from django_convoy.db.models import FinishedJob, LiveJob, WorkerProcess
from django_convoy.db.schedules import Firing, ScheduleSite, StoredSchedule

__all__ = [
    "FinishedJob",
    "Firing",
    "LiveJob",
    "ScheduleSite",
    "StoredSchedule",
    "WorkerProcess",
]
