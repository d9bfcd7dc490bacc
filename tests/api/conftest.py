"""Fixtures of the API tests."""

import pytest

from tests.working import work


@pytest.fixture
def run_jobs(db):
    return work
