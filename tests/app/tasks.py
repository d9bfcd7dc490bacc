"""Tasks that the tests enqueue."""

from django_convoy import task


@task
def add(a, b=0):
    return a + b


@task
def noop():
    return None
