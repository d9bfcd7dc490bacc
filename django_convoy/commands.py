"""Management commands as jobs."""

from typing import Any

from django.core.management import call_command

from django_convoy.tasks import task


@task
def run_command(name: str, *args: Any, **kwargs: Any) -> None:
    """Run a management command in the worker; what it raises is the job's failure."""
    call_command(name, *args, **kwargs)
