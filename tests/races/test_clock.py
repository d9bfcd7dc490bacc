"""The store's clock decides when a lease lapses and when a job is due."""

from datetime import timedelta

import pytest
import time_machine

from django_convoy.domain import clock, ids
from tests.databases import on_servers
from tests.races.conftest import envelope


@on_servers
@pytest.mark.parametrize("hours", [-30, 30])
def test_a_worker_whose_clock_is_wrong_takes_no_lease_that_holds(alias, worker, hours):
    holder, other = worker(), worker()
    holder.put()
    holder.take(lease=60)
    with time_machine.travel(clock.now() + timedelta(hours=hours)):
        assert other.take() == []
        assert other.next_due() <= 60


@on_servers
def test_a_worker_whose_clock_is_ahead_takes_no_job_that_is_not_due(alias, worker):
    worker().push([envelope(ids.job_id(), due=clock.now() + timedelta(hours=1))])
    with time_machine.travel(clock.now() + timedelta(hours=30)):
        assert worker().take() == []


@on_servers
def test_a_worker_whose_clock_is_behind_takes_what_is_due(alias, worker):
    now = clock.now()
    with time_machine.travel(now - timedelta(hours=30)):
        worker().push([envelope(ids.job_id(), due=now)])
        assert len(worker().take(wait=600)) == 1


@on_servers
def test_a_lease_from_a_worker_whose_clock_is_ahead_lapses_in_time(alias, worker):
    holder = worker()
    holder.put()
    with time_machine.travel(clock.now() + timedelta(hours=30)):
        holder.take(lease=0.2)
    assert len(worker().take(wait=600)) == 1
