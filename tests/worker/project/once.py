"""Tasks for sites whose broker delivers at most once: the others' are refused there."""

import os
import signal
import time

from django_convoy import task
from tests.worker.project import journal


@task
def count_once(number, seconds=0.0):
    journal.write("once", number)
    time.sleep(seconds)


@task
def kill_me():
    journal.write("kill_me")
    os.kill(os.getpid(), signal.SIGKILL)
