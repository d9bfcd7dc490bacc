"""Settings of the test site: SQLite in `CONVOY_TEST_DIR`, and the servers of `tests.servers`."""

import atexit
import json
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import django

if "CONVOY_TEST_DIR" not in os.environ:  # not under pytest: mypy, a shell, a command
    os.environ["CONVOY_TEST_DIR"] = tempfile.mkdtemp(prefix="convoy-site-")
    atexit.register(shutil.rmtree, os.environ["CONVOY_TEST_DIR"], ignore_errors=True)
SITE = Path(os.environ["CONVOY_TEST_DIR"])


def server(url: str, engine: str) -> dict[str, object]:
    """What Django wants to know, out of a URL."""
    parts = urlsplit(url)
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "HOST": parts.hostname,
        "PORT": parts.port,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "NAME": parts.path.lstrip("/"),
        "TEST": {"DEPENDENCIES": []},  # tests of one server run without the others
    }


def pooled(url: str) -> dict[str, object]:
    """The same through a pooler: what Django asks for where connections are shared."""
    return server(url, "postgresql") | {"DISABLE_SERVER_SIDE_CURSORS": True}


SECRET_KEY = "only-for-tests-" + "0123456789" * 4
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.admin",
    "django.contrib.staticfiles",
    "django_convoy",
    "tests.app",
]
ROOT_URLCONF = "tests.urls"
STATIC_URL = "static/"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
if django.VERSION < (6, 0):
    INSTALLED_APPS.insert(0, "django_tasks")

DATABASES: dict[str, dict[str, object]] = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(SITE / "site.sqlite3"),
        # A file in tests as well, so that worker processes see what the test wrote.
        "TEST": {"NAME": str(SITE / "test.sqlite3")},
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
}
if url := os.environ.get("CONVOY_TEST_POSTGRES"):
    DATABASES["postgres"] = server(url, "postgresql")
if (url := os.environ.get("CONVOY_TEST_PGBOUNCER")) and "postgres" in DATABASES:
    mirror: dict[str, object] = {"MIRROR": "postgres", "DEPENDENCIES": []}
    # Until it is set up as a mirror in tests, it is named like nothing that is there.
    DATABASES["pgbouncer"] = pooled(url) | {"NAME": "mirror", "TEST": mirror}
if url := os.environ.get("CONVOY_TEST_MARIADB"):
    import pymysql  # type: ignore[import-untyped]

    pymysql.install_as_MySQLdb()
    DATABASES["mariadb"] = server(url, "mysql") | {"OPTIONS": {"charset": "utf8mb4"}}

# A process started by a test uses the test's databases: see the fixture `process_env`.
for alias, name in json.loads(os.environ.get("CONVOY_TEST_NAMES", "{}")).items():
    DATABASES[alias]["NAME"] = name

TASKS = {
    "default": {"BACKEND": "django_convoy.backend.ConvoyBackend", "QUEUES": [], "OPTIONS": {}},
}
