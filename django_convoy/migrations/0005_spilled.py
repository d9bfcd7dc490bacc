"""Payloads that are too large for a broker elsewhere."""

from django.db import migrations, models

import django_convoy.db.fields


class Migration(migrations.Migration):
    dependencies = [
        ("convoy", "0004_schedules"),
    ]

    operations = [
        migrations.CreateModel(
            name="SpilledPayload",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "id",
                        "backend",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("id", django_convoy.db.fields.ExactCharField(max_length=32)),
                (
                    "backend",
                    django_convoy.db.fields.ExactCharField(
                        help_text="alias of `TASKS`, with the namespace in front", max_length=200
                    ),
                ),
                ("payload", models.TextField()),
                (
                    "expires_at",
                    django_convoy.db.fields.UTCDateTimeField(
                        help_text="its job is over by then, or asked for once more"
                    ),
                ),
            ],
            options={
                "verbose_name": "spilled payload",
                "db_table": "convoy_spilled",
                "default_permissions": ("view", "delete"),
                "indexes": [
                    models.Index(fields=["backend", "expires_at"], name="convoy_spilled_expires")
                ],
            },
        ),
    ]
