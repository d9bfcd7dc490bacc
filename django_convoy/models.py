"""Where Django looks for models."""

from django_convoy.db.models import FinishedJob, LiveJob, OutboxJob, SpilledPayload, WorkerProcess
from django_convoy.db.schedules import Firing, ScheduleSite, StoredSchedule

__all__ = [
    "FinishedJob",
    "Firing",
    "LiveJob",
    "OutboxJob",
    "ScheduleSite",
    "SpilledPayload",
    "StoredSchedule",
    "WorkerProcess",
]
