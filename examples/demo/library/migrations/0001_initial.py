"""The tables of the library."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Module",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200, unique=True)),
                ("lines", models.PositiveIntegerField()),
                ("functions", models.PositiveIntegerField()),
                ("classes", models.PositiveIntegerField()),
                ("imports", models.JSONField(help_text="top-level names")),
                ("longest_function", models.CharField(max_length=200)),
                ("longest_function_lines", models.PositiveIntegerField()),
                (
                    "reads",
                    models.PositiveIntegerField(
                        default=1, help_text="how many runs came to the end"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Reader",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("worker", models.CharField(max_length=100, unique=True)),
                ("pid", models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Summary",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("modules", models.PositiveIntegerField()),
                ("facts", models.JSONField()),
            ],
        ),
    ]
