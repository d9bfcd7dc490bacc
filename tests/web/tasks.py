"""Tasks that a person runs for show."""

import logging
import sys

from django.db import transaction

from django_convoy import task
from tests.app.models import Note

logger = logging.getLogger("shop")


@task(retries=2, backoff=7)
def note(text, *, fails=False):
    Note.objects.create(text=text)
    print(f"wrote <b>{text}</b>")
    print("to standard error", file=sys.stderr)
    logger.warning("logged %s", text)
    transaction.on_commit(lambda: Note.objects.create(text="committed"))
    if fails:
        raise ValueError(f"no <i>luck</i> with {text}")
    return [Note.objects.count(), text]


@task(atomic=True, timeout=1)
def enqueues(text):
    return note.enqueue(text).id


@task(timeout=0.2)
def forever():
    while True:
        pass
