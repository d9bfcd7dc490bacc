"""Runs subcommands as a program would."""

import io
import json
from dataclasses import dataclass

import pytest
from django.core.management import call_command

from tests.working import work


@dataclass
class Answer:
    out: str
    err: str
    status: int

    @property
    def data(self):
        return json.loads(self.out)

    def row(self, first):
        """The cells of the table row that begins so."""
        (line,) = [line for line in self.out.splitlines() if line.startswith(first)]
        return [cell.strip() for cell in line.split("  ") if cell.strip()]


@pytest.fixture
def convoy():
    """`convoy("jobs", "--queue", "mail")`; a CommandError is raised."""

    def run(*arguments):
        out, err = io.StringIO(), io.StringIO()
        status = 0
        try:
            call_command("convoy", *arguments, stdout=out, stderr=err)
        except SystemExit as left:
            status = left.code
        return Answer(out.getvalue(), err.getvalue(), status)

    return run


@pytest.fixture
def run_jobs(db):
    return work
