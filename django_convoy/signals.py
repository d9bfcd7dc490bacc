"""Signals of a worker's life; those of jobs are Django's own, in `django.tasks.signals`.

worker_started, worker_stopping: sent in each worker process, with `worker` (its id).
worker_died: sent in the steward for a worker that ended otherwise, with `worker`, `reason`.
job_lost_lease: sent where a run ended whose lease had gone to another worker, with `job_id`.
"""

from django.dispatch import Signal

worker_started = Signal()
worker_stopping = Signal()
worker_died = Signal()
job_lost_lease = Signal()
