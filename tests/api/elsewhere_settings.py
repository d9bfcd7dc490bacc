"""A site whose jobs have a database of their own; for the processes of `test_elsewhere`."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, SITE, TASKS

for name in set(DATABASES) - {"default"}:
    del DATABASES[name]
DATABASES["jobs"] = DATABASES["default"] | {"NAME": str(SITE / "jobs.sqlite3")}
DATABASE_ROUTERS = ["django_convoy.router.ConvoyRouter"]
BROKER = {"name": "database", "alias": os.environ.get("JOBS_ALIAS", "jobs")}
TASKS = {"default": TASKS["default"] | {"OPTIONS": {"broker": BROKER}}}
