"""Closes a thread's connections that are broken or past their age, as Django does after a request.

`close_old_connections` looks every alias up in storage that is made for threads and coroutines,
which costs more than all else around a quick job. A thread's connections are looked up again only
when one was opened since.
"""

import threading
from asyncio import _get_running_loop  # the one way to ask that costs nothing
from collections.abc import Sequence
from typing import Any

from django.db import close_old_connections, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


class _Known(threading.local):
    """What the running thread has. None: to be looked up."""

    connections: Sequence[BaseDatabaseWrapper] | None = None


_known = _Known()


def _opened(**kwargs: Any) -> None:
    _known.connections = None


connection_created.connect(_opened, dispatch_uid="django_convoy.db.aging")


def close_aged_connections() -> None:
    """Do what `django.db.close_old_connections` does."""
    if _get_running_loop() is not None:  # there each coroutine has its own
        close_old_connections()
        return
    if _known.connections is None:
        _known.connections = connections.all(initialized_only=True)
    for one in _known.connections:
        one.close_if_unusable_or_obsolete()
