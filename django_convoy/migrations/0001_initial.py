"""The first tables."""

from django.db import migrations, models

import django_convoy.db.fields
import django_convoy.db.indexes


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="WorkerProcess",
            fields=[
                ("id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("backend", models.CharField(max_length=100)),
                ("name", models.CharField(max_length=100)),
                ("host", models.CharField(max_length=255)),
                ("pid", models.PositiveIntegerField()),
                ("queues", models.TextField()),
                ("version", models.CharField(max_length=40)),
                ("started_at", django_convoy.db.fields.UTCDateTimeField()),
                ("seen_at", django_convoy.db.fields.UTCDateTimeField()),
                ("state", models.CharField(max_length=20)),
                (
                    "report",
                    models.TextField(
                        default="{}", help_text="each worker: pid, state, job, memory; JSON"
                    ),
                ),
                (
                    "command",
                    models.CharField(default="", help_text="what it was told to do", max_length=20),
                ),
            ],
            options={
                "verbose_name": "worker",
                "db_table": "convoy_worker",
                "default_permissions": ("view", "change"),
            },
        ),
        migrations.CreateModel(
            name="FinishedJob",
            fields=[
                (
                    "id",
                    django_convoy.db.fields.ExactCharField(
                        max_length=32, primary_key=True, serialize=False
                    ),
                ),
                ("queue", django_convoy.db.fields.ExactCharField(max_length=200)),
                ("task", models.CharField(max_length=255)),
                ("payload", models.TextField()),
                ("seal", models.CharField(max_length=80)),
                ("key_id", models.CharField(max_length=16)),
                ("priority", models.SmallIntegerField(default=0)),
                ("status", models.CharField(max_length=12)),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("due", django_convoy.db.fields.UTCDateTimeField(null=True)),
                ("enqueued_at", django_convoy.db.fields.UTCDateTimeField()),
                ("started_at", django_convoy.db.fields.UTCDateTimeField(null=True)),
                ("finished_at", django_convoy.db.fields.UTCDateTimeField()),
                (
                    "worker",
                    models.CharField(default="", help_text="who ran it last", max_length=100),
                ),
                ("result", models.TextField(null=True)),
                ("note", models.TextField(default="")),
                (
                    "expires_at",
                    django_convoy.db.fields.UTCDateTimeField(
                        help_text="forgotten after this, if set", null=True
                    ),
                ),
            ],
            options={
                "verbose_name": "finished job",
                "db_table": "convoy_history",
                "default_permissions": ("view", "delete"),
                "indexes": [
                    models.Index(fields=["status", "finished_at"], name="convoy_history_status"),
                    django_convoy.db.indexes.PartialIndex(
                        fields=["expires_at"],
                        full=("expires_at",),
                        name="convoy_history_expires",
                        partial=models.Q(("expires_at__isnull", False)),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LiveJob",
            fields=[
                (
                    "id",
                    django_convoy.db.fields.ExactCharField(
                        max_length=32, primary_key=True, serialize=False
                    ),
                ),
                (
                    "queue",
                    django_convoy.db.fields.ExactCharField(
                        help_text="with the namespace in front", max_length=200
                    ),
                ),
                ("task", models.CharField(help_text="path of the task function", max_length=255)),
                ("payload", models.TextField(help_text="arguments; JSON, or base64 when packed")),
                ("seal", models.CharField(help_text="format and signature", max_length=80)),
                (
                    "key_id",
                    models.CharField(
                        help_text="digest of the key it is signed with", max_length=16
                    ),
                ),
                ("priority", models.SmallIntegerField(default=0)),
                (
                    "state",
                    models.CharField(
                        help_text="ready, delayed, leased, suspect or buried", max_length=8
                    ),
                ),
                (
                    "wake_at",
                    django_convoy.db.fields.UTCDateTimeField(
                        help_text="when it is due, or its lease lapses", null=True
                    ),
                ),
                (
                    "due",
                    django_convoy.db.fields.UTCDateTimeField(
                        help_text="not to be run before this", null=True
                    ),
                ),
                ("enqueued_at", django_convoy.db.fields.UTCDateTimeField()),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("token", models.CharField(default="", help_text="names the claim", max_length=32)),
                ("worker", models.CharField(default="", help_text="who holds it", max_length=100)),
                (
                    "started_at",
                    django_convoy.db.fields.UTCDateTimeField(
                        help_text="set once it has run for a moment", null=True
                    ),
                ),
                (
                    "note",
                    models.TextField(default="", help_text="what happened in earlier runs; JSON"),
                ),
            ],
            options={
                "verbose_name": "live job",
                "db_table": "convoy_job",
                "default_permissions": ("view", "change", "delete"),
                "indexes": [
                    django_convoy.db.indexes.PartialIndex(
                        fields=["queue", "-priority", "id"],
                        full=("state", "queue", "-priority", "id"),
                        name="convoy_job_ready",
                        partial=models.Q(("state", "ready")),
                    ),
                    django_convoy.db.indexes.PartialIndex(
                        fields=["wake_at"],
                        full=("wake_at",),
                        name="convoy_job_wake",
                        partial=models.Q(("state__in", ("delayed", "leased"))),
                    ),
                    django_convoy.db.indexes.PartialIndex(
                        fields=["queue", "-priority", "id"],
                        full=("state", "id"),
                        name="convoy_job_suspect",
                        partial=models.Q(("state", "suspect")),
                    ),
                ],
            },
        ),
    ]
