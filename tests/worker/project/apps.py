"""What the site does when it starts, where a test asks for it."""

import importlib
import os
import sys

from django.apps import AppConfig


class Project(AppConfig):
    name = "tests.worker.project"

    def ready(self) -> None:
        if seconds := os.environ.get("CONVOY_SITE_OUTBOX"):
            table = importlib.import_module("django_convoy.outbox.table")
            relay = importlib.import_module("django_convoy.outbox.relay")
            table.GRACE = relay.LOOK_SECONDS = float(seconds)
        if name := os.environ.get("CONVOY_SITE_IMPORT"):
            importlib.import_module(name)
        if os.environ.get("CONVOY_SITE_BREAK_CHILDREN") and "worker" not in sys.argv:
            raise RuntimeError("this child cannot start")
