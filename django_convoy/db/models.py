"""The tables: one small hot one of live jobs, one of finished ones, one of processes, one of jobs
on their way to a broker elsewhere, and one of what is too large for it."""

from typing import ClassVar

from django.db import models

from django_convoy.db.fields import ExactCharField, UTCDateTimeField
from django_convoy.db.indexes import PartialIndex


class LiveJob(models.Model):
    """A job that is not over. Deleted when it is settled; `FinishedJob` has it then."""

    id = ExactCharField(primary_key=True, max_length=32)
    queue = ExactCharField(max_length=200, help_text="with the namespace in front")
    task = models.CharField(max_length=255, help_text="path of the task function")
    payload = models.TextField(help_text="arguments; JSON, or base64 when packed")
    seal = models.CharField(max_length=80, help_text="format and signature")
    key_id = models.CharField(max_length=16, help_text="digest of the key it is signed with")
    priority = models.SmallIntegerField(default=0)
    state = models.CharField(max_length=8, help_text="ready, delayed, leased, suspect or buried")
    wake_at = UTCDateTimeField(null=True, help_text="when it is due, or its lease lapses")
    due = UTCDateTimeField(null=True, help_text="not to be run before this")
    enqueued_at = UTCDateTimeField()
    attempt = models.PositiveIntegerField(default=0)
    token = models.CharField(max_length=32, default="", help_text="names the claim")
    worker = models.CharField(max_length=100, default="", help_text="who holds it")
    started_at = UTCDateTimeField(null=True, help_text="set once it has run for a moment")
    note = models.TextField(default="", help_text="what happened in earlier runs; JSON")

    class Meta:
        db_table = "convoy_job"
        verbose_name = "live job"
        default_permissions = ("view", "change", "delete")
        indexes: ClassVar[list[models.Index]] = [
            PartialIndex(
                name="convoy_job_ready",
                fields=["queue", "-priority", "id"],
                partial=models.Q(state="ready"),
                full=["state", "queue", "-priority", "id"],
            ),
            PartialIndex(
                name="convoy_job_wake",
                fields=["wake_at"],
                partial=models.Q(state__in=("delayed", "leased")),
                full=["wake_at"],
            ),
            PartialIndex(
                name="convoy_job_suspect",
                fields=["queue", "-priority", "id"],
                partial=models.Q(state="suspect"),
                full=["state", "id"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.id}"


class FinishedJob(models.Model):
    """A job that is over: succeeded, failed, cancelled or quarantined."""

    id = ExactCharField(primary_key=True, max_length=32)
    queue = ExactCharField(max_length=200)
    task = models.CharField(max_length=255)
    payload = models.TextField()
    seal = models.CharField(max_length=80)
    key_id = models.CharField(max_length=16)
    priority = models.SmallIntegerField(default=0)
    status = models.CharField(max_length=12)
    attempt = models.PositiveIntegerField(default=0)
    due = UTCDateTimeField(null=True)
    enqueued_at = UTCDateTimeField()
    started_at = UTCDateTimeField(null=True)
    finished_at = UTCDateTimeField()
    worker = models.CharField(max_length=100, default="", help_text="who ran it last")
    result = models.TextField(null=True)  # noqa: DJ001 - NULL: not kept; "null": returned None
    note = models.TextField(default="")
    expires_at = UTCDateTimeField(null=True, help_text="forgotten after this, if set")

    class Meta:
        db_table = "convoy_history"
        verbose_name = "finished job"
        default_permissions = ("view", "delete")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["status", "finished_at"], name="convoy_history_status"),
            PartialIndex(
                name="convoy_history_expires",
                fields=["expires_at"],
                partial=models.Q(expires_at__isnull=False),
                full=["expires_at"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.id}"


class WorkerProcess(models.Model):
    """A supervisor and what runs under it, as it last reported."""

    id = models.CharField(primary_key=True, max_length=64)
    backend = models.CharField(max_length=100)
    name = models.CharField(max_length=100)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    queues = models.TextField()
    version = models.CharField(max_length=40)
    started_at = UTCDateTimeField()
    seen_at = UTCDateTimeField()
    state = models.CharField(max_length=20)
    report = models.TextField(default="{}", help_text="each worker: pid, state, job, memory; JSON")
    command = models.CharField(max_length=20, default="", help_text="what it was told to do")

    class Meta:
        db_table = "convoy_worker"
        verbose_name = "worker"
        default_permissions = ("view", "change")

    def __str__(self) -> str:
        return f"{self.name} on {self.host}"


class OutboxJob(models.Model):
    """A job that is to go to a broker elsewhere, and is not there yet."""

    id = ExactCharField(primary_key=True, max_length=32)
    backend = ExactCharField(
        max_length=200, help_text="alias of `TASKS`, with the namespace in front"
    )
    state = models.CharField(max_length=8, help_text="send or parked")
    wake_at = UTCDateTimeField(help_text="when a steward sends it, unless its holder has")
    token = models.CharField(max_length=32, default="", help_text="names who sends it")
    queue = ExactCharField(max_length=200)
    task = models.CharField(max_length=255)
    payload = models.TextField()
    seal = models.CharField(max_length=80)
    key_id = models.CharField(max_length=16)
    priority = models.SmallIntegerField(default=0)
    due = UTCDateTimeField(null=True)
    enqueued_at = UTCDateTimeField()
    attempt = models.PositiveIntegerField(default=0)
    note = models.TextField(default="")

    class Meta:
        db_table = "convoy_outbox"
        verbose_name = "job in the outbox"
        verbose_name_plural = "jobs in the outbox"
        default_permissions = ("view", "delete")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["backend", "wake_at"], name="convoy_outbox_wake"),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.id}"


class SpilledPayload(models.Model):
    """What is too large to travel through a broker, until its job is over."""

    pk = models.CompositePrimaryKey("id", "backend")
    id = ExactCharField(max_length=32)
    backend = ExactCharField(
        max_length=200, help_text="alias of `TASKS`, with the namespace in front"
    )
    payload = models.TextField()
    expires_at = UTCDateTimeField(help_text="its job is over by then, or asked for once more")

    class Meta:
        db_table = "convoy_spilled"
        verbose_name = "spilled payload"
        default_permissions = ("view", "delete")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["backend", "expires_at"], name="convoy_spilled_expires"),
        ]

    def __str__(self) -> str:
        return f"payload of {self.id}"
