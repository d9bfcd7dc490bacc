"""Runs jobs without a worker, in the test's own thread."""

from django_convoy.testing.jobs import run_jobs


def work(alias="default", queues=("default", "mail"), limit=100):
    """Run what is ready; return the ids of the jobs that were claimed."""
    return run_jobs(alias, queues=queues, limit=limit)
