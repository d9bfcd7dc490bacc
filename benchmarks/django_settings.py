"""Settings of the bare Django project in which a Django task queue is measured."""

from __future__ import annotations

import stores
from systems import current

SECRET_KEY = "benchmarks-only-not-a-secret-0123456789-abcdefghij"
DEBUG = False
USE_TZ = True
DATABASES = {"default": stores.current().django_database(current().synchronous)}
INSTALLED_APPS: list[str] = []
globals().update(current().settings())
