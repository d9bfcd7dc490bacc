"""The tables of schedules: what runs when, what was fired, and one row per site."""

from typing import ClassVar

from django.db import models

from django_convoy.db.fields import ExactCharField, UTCDateTimeField
from django_convoy.db.indexes import PartialIndex

MAX_NAME = 150


class StoredSchedule(models.Model):
    """A task that is enqueued by itself. Its call is signed, as a job's is."""

    namespace = ExactCharField(max_length=99, default="", blank=True)
    backend = ExactCharField(max_length=100, help_text="alias of `TASKS`")
    name = ExactCharField(max_length=MAX_NAME, help_text="what it is called")
    task = models.CharField(max_length=255, help_text="path of the task function")
    queue = ExactCharField(max_length=200)
    priority = models.SmallIntegerField(default=0)
    payload = models.TextField(help_text="arguments; JSON, or base64 when packed")
    seal = models.CharField(max_length=80, help_text="format and signature")
    key_id = models.CharField(max_length=16, help_text="digest of the key it is signed with")
    rule = models.TextField(help_text="when it fires; JSON")
    intended = models.CharField(
        max_length=100, default="", help_text="argument that gets the intended time; empty: none"
    )
    catch_up = models.CharField(max_length=4, help_text="what was missed: all, last or none")
    overlap = models.CharField(
        max_length=5, help_text="while the last run is not over: allow, skip or queue"
    )
    origin = models.CharField(
        max_length=8, help_text="code, settings, runtime, admin or command: who declared it"
    )
    mark = models.CharField(max_length=32, help_text="digest of what was declared")
    paused = models.BooleanField(default=False, help_text="fires nothing until it is resumed")
    retired = models.BooleanField(default=False, help_text="no longer declared by the code")
    next_at = UTCDateTimeField(null=True, help_text="intended time of its next firing")
    wake_at = UTCDateTimeField(
        null=True, help_text="when a steward looks at it: with jitter, or to try again"
    )
    fired = models.PositiveIntegerField(default=0, help_text="how often its rule has fired")
    last_at = UTCDateTimeField(null=True, help_text="intended time of its last firing")
    last_job = ExactCharField(max_length=32, default="", help_text="the job of that")
    failures = models.PositiveIntegerField(default=0, help_text="how often in a row it failed")
    failure = models.TextField(default="", help_text="why its job could not be enqueued")
    created_at = UTCDateTimeField()
    changed_at = UTCDateTimeField(help_text="when it was declared so")

    class Meta:
        db_table = "convoy_schedule"
        verbose_name = "schedule"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["namespace", "backend", "name"], name="convoy_schedule_name"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            PartialIndex(
                name="convoy_schedule_wake",
                fields=["namespace", "backend", "wake_at"],
                partial=models.Q(wake_at__isnull=False),
                full=["namespace", "backend", "wake_at"],
            )
        ]

    def __str__(self) -> str:
        return str(self.name)


class Firing(models.Model):
    """One firing of a schedule. Its key makes a second one at the same time impossible."""

    schedule = models.ForeignKey(StoredSchedule, models.CASCADE, related_name="firings")
    intended_at = UTCDateTimeField(help_text="when it was to be fired")
    fired_at = UTCDateTimeField(help_text="when it was, or was decided not to be")
    job_id = ExactCharField(max_length=32, default="", help_text="its job; empty: there is none")
    note = models.CharField(max_length=200, default="", help_text="what was special about it")

    class Meta:
        db_table = "convoy_firing"
        verbose_name = "firing"
        default_permissions = ("view",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["schedule", "intended_at"], name="convoy_firing_key")
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} at {self.intended_at}"


class ScheduleSite(models.Model):
    """What holds for all schedules of one alias and namespace."""

    namespace = ExactCharField(max_length=99, default="")
    backend = ExactCharField(max_length=100)
    paused = models.BooleanField(default=False, help_text="none fires until all are resumed")
    edition = models.CharField(
        max_length=32, default="", help_text="digest of the declarations in force"
    )
    editions = models.TextField(
        default="{}", help_text="all that were known, and when a worker with each was last seen"
    )

    class Meta:
        db_table = "convoy_schedule_site"
        verbose_name = "site of schedules"
        default_permissions = ("view", "change")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["namespace", "backend"], name="convoy_schedule_site_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.namespace}:{self.backend}"
