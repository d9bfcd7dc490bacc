"""Schedules, their firings, and what holds for all of a site."""

import django.db.models.deletion
from django.db import migrations, models

import django_convoy.db.fields
import django_convoy.db.indexes


class Migration(migrations.Migration):
    dependencies = [
        ("convoy", "0003_outbox"),
    ]

    operations = [
        migrations.CreateModel(
            name="ScheduleSite",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("namespace", django_convoy.db.fields.ExactCharField(default="", max_length=99)),
                ("backend", django_convoy.db.fields.ExactCharField(max_length=100)),
                (
                    "paused",
                    models.BooleanField(
                        default=False, help_text="none fires until all are resumed"
                    ),
                ),
                (
                    "edition",
                    models.CharField(
                        default="", help_text="digest of the declarations in force", max_length=32
                    ),
                ),
                (
                    "editions",
                    models.TextField(
                        default="{}",
                        help_text="all that were known, and when a worker with each was last seen",
                    ),
                ),
            ],
            options={
                "verbose_name": "site of schedules",
                "db_table": "convoy_schedule_site",
                "default_permissions": ("view", "change"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("namespace", "backend"), name="convoy_schedule_site_key"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StoredSchedule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "namespace",
                    django_convoy.db.fields.ExactCharField(blank=True, default="", max_length=99),
                ),
                (
                    "backend",
                    django_convoy.db.fields.ExactCharField(
                        help_text="alias of `TASKS`", max_length=100
                    ),
                ),
                (
                    "name",
                    django_convoy.db.fields.ExactCharField(
                        help_text="what it is called", max_length=150
                    ),
                ),
                ("task", models.CharField(help_text="path of the task function", max_length=255)),
                ("queue", django_convoy.db.fields.ExactCharField(max_length=200)),
                ("priority", models.SmallIntegerField(default=0)),
                ("payload", models.TextField(help_text="arguments; JSON, or base64 when packed")),
                ("seal", models.CharField(help_text="format and signature", max_length=80)),
                (
                    "key_id",
                    models.CharField(
                        help_text="digest of the key it is signed with", max_length=16
                    ),
                ),
                ("rule", models.TextField(help_text="when it fires; JSON")),
                (
                    "intended",
                    models.CharField(
                        default="",
                        help_text="argument that gets the intended time; empty: none",
                        max_length=100,
                    ),
                ),
                (
                    "catch_up",
                    models.CharField(help_text="what was missed: all, last or none", max_length=4),
                ),
                (
                    "overlap",
                    models.CharField(
                        help_text="while the last run is not over: allow, skip or queue",
                        max_length=5,
                    ),
                ),
                (
                    "origin",
                    models.CharField(
                        help_text="code, settings, runtime, admin or command: who declared it",
                        max_length=8,
                    ),
                ),
                ("mark", models.CharField(help_text="digest of what was declared", max_length=32)),
                (
                    "paused",
                    models.BooleanField(
                        default=False, help_text="fires nothing until it is resumed"
                    ),
                ),
                (
                    "retired",
                    models.BooleanField(default=False, help_text="no longer declared by the code"),
                ),
                (
                    "next_at",
                    django_convoy.db.fields.UTCDateTimeField(
                        help_text="intended time of its next firing", null=True
                    ),
                ),
                (
                    "wake_at",
                    django_convoy.db.fields.UTCDateTimeField(
                        help_text="when a steward looks at it: with jitter, or to try again",
                        null=True,
                    ),
                ),
                (
                    "fired",
                    models.PositiveIntegerField(
                        default=0, help_text="how often its rule has fired"
                    ),
                ),
                (
                    "last_at",
                    django_convoy.db.fields.UTCDateTimeField(
                        help_text="intended time of its last firing", null=True
                    ),
                ),
                (
                    "last_job",
                    django_convoy.db.fields.ExactCharField(
                        default="", help_text="the job of that", max_length=32
                    ),
                ),
                (
                    "failures",
                    models.PositiveIntegerField(
                        default=0, help_text="how often in a row it failed"
                    ),
                ),
                (
                    "failure",
                    models.TextField(default="", help_text="why its job could not be enqueued"),
                ),
                ("created_at", django_convoy.db.fields.UTCDateTimeField()),
                (
                    "changed_at",
                    django_convoy.db.fields.UTCDateTimeField(help_text="when it was declared so"),
                ),
            ],
            options={
                "verbose_name": "schedule",
                "db_table": "convoy_schedule",
                "indexes": [
                    django_convoy.db.indexes.PartialIndex(
                        fields=["namespace", "backend", "wake_at"],
                        full=("namespace", "backend", "wake_at"),
                        name="convoy_schedule_wake",
                        partial=models.Q(("wake_at__isnull", False)),
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("namespace", "backend", "name"), name="convoy_schedule_name"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Firing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "intended_at",
                    django_convoy.db.fields.UTCDateTimeField(help_text="when it was to be fired"),
                ),
                (
                    "fired_at",
                    django_convoy.db.fields.UTCDateTimeField(
                        help_text="when it was, or was decided not to be"
                    ),
                ),
                (
                    "job_id",
                    django_convoy.db.fields.ExactCharField(
                        default="", help_text="its job; empty: there is none", max_length=32
                    ),
                ),
                (
                    "note",
                    models.CharField(
                        default="", help_text="what was special about it", max_length=200
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="firings",
                        to="convoy.storedschedule",
                    ),
                ),
            ],
            options={
                "verbose_name": "firing",
                "db_table": "convoy_firing",
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("schedule", "intended_at"), name="convoy_firing_key"
                    )
                ],
            },
        ),
    ]
