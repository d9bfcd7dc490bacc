"""The app; it keeps a list of the worker processes, so that run.py knows whom to kill."""

import os
from typing import Any

from django.apps import AppConfig

from django_convoy.signals import worker_started


class LibraryConfig(AppConfig):
    name = "library"

    def ready(self) -> None:
        worker_started.connect(sign_in, dispatch_uid="library.sign_in")


def sign_in(worker: str, **kwargs: Any) -> None:
    """Note the process that has just started to run jobs."""
    from library.models import Reader  # lazy: there are no models before the apps are ready

    Reader.objects.create(worker=worker, pid=os.getpid())
