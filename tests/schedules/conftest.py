"""A site's schedules on a database, and time that tests may move for them."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from django_convoy.contracts.broker import Browsable
from django_convoy.launch import scheduler
from django_convoy.runtime import runtime_of
from django_convoy.schedules import book_of, schedule
from django_convoy.scheduling.firing import Firing
from django_convoy.scheduling.rules import every


@dataclass
class Place:
    """The schedules of TASKS["default"], and one steward's way to fire them."""

    firing: Firing

    @property
    def book(self):
        return book_of("default")

    def make(self, name="x", task="tests.api.tasks.add", rule=None, *, ago=None, **options):
        """Make a schedule; its next firing was `ago` seconds ago, if that is said. Its rule, unless
        one is given, fires so seldom that no test meets another of its times."""
        made = schedule(name, task, rule or every(years=1), **options)
        if ago is not None:
            self.put_off(name, -ago)
        return made

    def put_off(self, name, seconds):
        """Have the next firing intended `seconds` from now."""
        at = self.book.table.now() + timedelta(seconds=seconds)
        self.book.table.update(name, {"next_at": at, "wake_at": at})
        return at

    def fire(self):
        """What a steward does when something is due; return the jobs' tasks' arguments."""
        return self.firing.fire()

    def jobs(self):
        """The live jobs, oldest first."""
        broker = runtime_of("default").shared.broker
        assert isinstance(broker, Browsable)
        return [held.envelope for held in broker.jobs()]

    def calls(self):
        return [runtime_of("default").codec.open(one) for one in self.jobs()]

    def history(self, name="x"):
        return self.book.history(self.book.get(name), 1000)


@pytest.fixture
def use(settings):
    """Choose the database of TASKS["default"], and other options."""

    def choose(alias="default", **options):
        broker = options.pop("broker", None) or {"name": "database", "alias": alias}
        settings.TASKS = {
            "default": {
                "BACKEND": "django_convoy.backend.ConvoyBackend",
                "QUEUES": [],
                "OPTIONS": {
                    "broker": broker,
                    "store": {"name": "database", "alias": alias},
                    "outbox": {"alias": alias},
                    **options,
                },
            }
        }

    return choose


@pytest.fixture
def stewards():
    """Make stewards' ways to fire, each on a connection of its own."""
    opened = []

    def make():
        runtime = runtime_of("default")
        own = runtime.private()
        opened.append(own)
        return scheduler(runtime, own)

    yield make
    for own in opened:
        own.close()
        own.tables.close()


@pytest.fixture
def place(request, use, stewards):
    """Schedules on the database `alias`, if the test is given one."""
    use(request.getfixturevalue("alias") if "alias" in request.fixturenames else "default")
    return Place(stewards()._firing)
