"""Settings of the demo site: one app, one SQLite file, one backend of TASKS."""

import os
from pathlib import Path

import django

BASE = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("CONVOY_DEMO_DIR") or BASE / ".data")
DATA.mkdir(exist_ok=True)  # so that manage.py can be tried by hand, too

SECRET_KEY = "of the demo, and of nothing else: jobs are signed with it"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = ["django_convoy", "library"]
if django.VERSION < (6, 0):
    INSTALLED_APPS.insert(0, "django_tasks")  # django.tasks for Django 5.2

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "library.sqlite3",
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
}

TASKS = {
    "default": {
        "BACKEND": "django_convoy.backend.ConvoyBackend",
        "QUEUES": ["reading", "desk"],
    }
}
