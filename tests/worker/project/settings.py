"""Settings of a throw-away site: what differs from test to test comes by the environment."""

import json
import os
import sys
from pathlib import Path

import django

from tests.settings import pooled, server

if os.environ.get("CONVOY_SITE_NO_FORK"):  # as on platforms that have none of these
    del os.fork, os.memfd_create, os.mkfifo
    sys.modules["fcntl"] = None  # type: ignore[assignment]
FOLDER = Path(os.environ["CONVOY_SITE"])
CHOSEN = json.loads(os.environ.get("CONVOY_SITE_CHOSEN", "{}"))

SECRET_KEY = "only-for-worker-tests-" + "0123456789" * 4
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django_convoy", "tests.app", "tests.worker.project"]
if app := os.environ.get("CONVOY_SITE_APP"):
    INSTALLED_APPS.append(app)
if django.VERSION < (6, 0):
    INSTALLED_APPS.insert(0, "django_tasks")
DATABASES: dict[str, dict[str, object]] = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(FOLDER / "site.sqlite3"),
        "OPTIONS": {"timeout": CHOSEN.get("busy", 20)},
    }
}
if url := CHOSEN.get("database"):
    DATABASES["default"] = pooled(url) if CHOSEN.get("pooled") else server(url, "postgresql")
    DATABASES["default"]["PORT"] = CHOSEN.get("port", DATABASES["default"]["PORT"])
    DATABASES["default"]["CONN_MAX_AGE"] = None if CHOSEN.get("kept") else 0
    if level := CHOSEN.get("isolation"):
        from psycopg import IsolationLevel

        DATABASES["default"]["OPTIONS"] = {"isolation_level": IsolationLevel[level]}
TASKS = {
    "default": {
        "BACKEND": "django_convoy.backend.ConvoyBackend",
        "QUEUES": CHOSEN.get("queues", []),
        "OPTIONS": CHOSEN.get("options", {}),
    },
    "elsewhere": {
        "BACKEND": "django_convoy.backend.ConvoyBackend",
        "QUEUES": [],
        "OPTIONS": {"namespace": "elsewhere"},
    },
}
