"""A steward that dies between any two statements fires nothing twice, and loses nothing."""

import contextlib

import pytest

from django_convoy.contracts.broker import Browsable
from django_convoy.runtime import runtime_of
from tests.databases import on_each_database
from tests.schedules.elsewhere import BROKER, Elsewhere

SCHEDULES = 3


class Died(BaseException):
    """What nobody catches, as nobody catches SIGKILL."""


class Death:
    """Ends a steward before its n-th statement, with all that its transaction had done."""

    def __init__(self, number):
        self.number = number
        self.came = False

    def __call__(self, execute, sql, params, many, context):
        self.number -= 1
        if self.number < 0:
            self.came = True
            raise Died
        return execute(sql, params, many, context)


@pytest.fixture
def server():
    Elsewhere.server.rows.clear()
    yield Elsewhere
    Elsewhere.server.rows.clear()
    Elsewhere.away = False


def die_at(place, number):
    """Have a steward begin to fire; return whether it died on the way."""
    session = place.firing._table.session
    death = Death(number)
    with session.connection.execute_wrapper(death), contextlib.suppress(Died):
        place.fire()
    session.close()  # the server sees that the connection is gone
    return death.came


def fired_at_last(place, stewards):
    """What another steward and the relay of the outbox make of what is left."""
    stewards()._firing.fire()
    runtime = runtime_of("default")
    own = runtime.private()
    relay = runtime.relay(own)
    if relay is not None:
        table = runtime.shared.outbox
        table.session.statement("UPDATE convoy_outbox SET wake_at = enqueued_at")
        while relay.step() == 0.0:
            pass
        relay.close()
    own.close()
    broker = runtime.shared.broker
    assert isinstance(broker, Browsable)
    return [held.envelope.id for held in broker.jobs()]


def check(place, stewards):
    """Each schedule has one job, and knows of it."""
    jobs = fired_at_last(place, stewards)
    assert len(jobs) == len(set(jobs)) == SCHEDULES
    for row in place.book.all():
        (run,) = place.history(row.name)
        assert run.job_id in jobs
        assert row.last_job == run.job_id
        assert row.fired == 1


def every_death(place, stewards):
    """Die before the first statement, the second, ... until there is none more."""
    number = 0
    while True:
        for one in range(SCHEDULES):
            place.make(f"s{one}", args=[one], ago=5)
        came = die_at(place, number)
        check(place, stewards)
        yield number
        if not came:
            return
        number += 1
        for row in place.book.all():
            place.book.remove(row.name)


@on_each_database
def test_with_a_broker_in_the_same_database(alias, place, stewards):
    deaths = 0
    for number in every_death(place, stewards):
        deaths = number
        for job in place.jobs():
            runtime_of("default").shared.broker.remove(job.id)
    assert deaths >= 5


@on_each_database
def test_with_a_broker_elsewhere(alias, place, use, stewards, server):
    use(alias, broker=BROKER)
    place.firing = stewards()._firing
    deaths = 0
    for number in every_death(place, stewards):
        deaths = number
        server.server.rows.clear()
    assert deaths >= 6


@on_each_database
def test_a_broker_that_is_away_gets_the_jobs_later(alias, place, use, stewards, server):
    use(alias, broker=BROKER)
    place.firing = stewards()._firing
    for one in range(SCHEDULES):
        place.make(f"s{one}", args=[one], ago=5)
    server.away = True
    assert len(place.fire()) == SCHEDULES
    assert not server.server.rows
    (run,) = place.history("s0")
    assert run.outcome == "delayed"  # in the outbox
    server.away = False
    check(place, stewards)
