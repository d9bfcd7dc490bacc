"""Tasks of the API tests, as a site would write them."""

import contextlib

import django
from django.db import transaction

from django_convoy import task
from tests.app.models import Note

if django.VERSION >= (6, 0):
    from django.tasks import task as django_task
else:
    from django_tasks import task as django_task


@task
def add(a, b=0):
    return a + b


@task(retries=3, backoff=1, timeout=5, queue_name="mail", priority=7, keep_result=False)
def rich(what):
    return what


@task(takes_context=True)
def contextual(context, word):
    return [context.attempt, context.job.task, word]


@task
async def later(value):
    return value


@task
def fail(message):
    raise ValueError(message)


@task
def echo(*args, **kwargs):
    return [list(args), kwargs]


@task
def unkeepable():
    return object()


@task
def stop():
    raise KeyboardInterrupt


@task(atomic=True, timeout=2)
def write_then_fail(text):
    Note.objects.create(text=text)
    raise ValueError(text)


@task(atomic=True, timeout=2)
def spoil():
    """Passes over an error that leaves its transaction unusable."""
    with contextlib.suppress(ValueError), transaction.atomic(savepoint=False):
        raise ValueError


@django_task
def plain(value):
    return value
