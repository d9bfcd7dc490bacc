"""The outbox: jobs that are to go to a broker elsewhere, and are not there yet."""

from django.db import migrations, models

import django_convoy.db.fields


class Migration(migrations.Migration):
    dependencies = [
        ("convoy", "0002_hot_table_on_postgresql"),
    ]

    operations = [
        migrations.CreateModel(
            name="OutboxJob",
            fields=[
                (
                    "id",
                    django_convoy.db.fields.ExactCharField(
                        max_length=32, primary_key=True, serialize=False
                    ),
                ),
                (
                    "backend",
                    django_convoy.db.fields.ExactCharField(
                        help_text="alias of `TASKS`, with the namespace in front", max_length=200
                    ),
                ),
                ("state", models.CharField(help_text="send or parked", max_length=8)),
                (
                    "wake_at",
                    django_convoy.db.fields.UTCDateTimeField(
                        help_text="when a steward sends it, unless its holder has"
                    ),
                ),
                (
                    "token",
                    models.CharField(default="", help_text="names who sends it", max_length=32),
                ),
                ("queue", django_convoy.db.fields.ExactCharField(max_length=200)),
                ("task", models.CharField(max_length=255)),
                ("payload", models.TextField()),
                ("seal", models.CharField(max_length=80)),
                ("key_id", models.CharField(max_length=16)),
                ("priority", models.SmallIntegerField(default=0)),
                ("due", django_convoy.db.fields.UTCDateTimeField(null=True)),
                ("enqueued_at", django_convoy.db.fields.UTCDateTimeField()),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("note", models.TextField(default="")),
            ],
            options={
                "verbose_name": "job in the outbox",
                "verbose_name_plural": "jobs in the outbox",
                "db_table": "convoy_outbox",
                "default_permissions": ("view", "delete"),
                "indexes": [models.Index(fields=["backend", "wake_at"], name="convoy_outbox_wake")],
            },
        ),
    ]
