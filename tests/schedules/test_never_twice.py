"""No time is fired twice, and no rule more often than it says, whoever changes it meanwhile."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connections

from django_convoy.schedules import Schedule, schedule
from django_convoy.scheduling.editions import Edition
from django_convoy.scheduling.rules import every
from django_convoy.scheduling.table import KEPT, Table
from tests.api.tasks import add
from tests.databases import on_each_database, on_servers, on_sqlite

ONCE = every(seconds=1, repeat=1)


class Elsewhere(threading.Thread):
    """Somebody who acts at the same time, on connections of their own."""

    def __init__(self, act):
        super().__init__(daemon=True)
        self._act = act
        self.start()

    def run(self):
        try:
            self._act()
        finally:
            connections.close_all()


def all_of(place):
    """Fire until nothing is due."""
    fired = []
    while jobs := place.fire():
        fired += jobs
    return fired


@on_sqlite
@pytest.mark.parametrize("changed", [every(seconds=1, weekdays="0-6", repeat=999), every(2)])
def test_another_rule_after_a_step_back_of_the_clock_fires_nothing_again(alias, place, changed):
    """Though the keys of the oldest firings are forgotten by then."""
    begin, back = datetime(2031, 3, 3, 12, tzinfo=UTC), timedelta(seconds=250)
    rule = every(seconds=1, start=begin + timedelta(seconds=1))
    told = {"args": [1], "intended": "b", "catch_up": "all"}
    with time_machine.travel(begin, tick=False) as clock:
        place.make(rule=rule, **told)
        clock.move_to(begin + back)
        fired = all_of(place)
        assert len(fired) == 250 > KEPT
        clock.move_to(begin)
        place.make(rule=changed, **told)
        clock.move_to(begin + back + timedelta(seconds=10))
        fired += all_of(place)
    times = Counter(place.book.codec.open(job).kwargs["b"] for job in fired)
    assert max(times.values()) == 1
    assert len(times) > 250


@on_each_database
def test_what_was_retired_and_is_declared_again_goes_on_counting(alias, place):
    def declare(*declared):
        made = [Schedule(one, add, every(years=1, repeat=3), args=[1]) for one in declared]
        Edition(place.book, [one.declaration() for one in made]).apply()

    declare("x")
    for _ in range(3):
        place.put_off("x", -1)
        assert len(place.fire()) == 1
    declare("y")
    assert place.book.get("x").retired
    declare("x", "y")
    row = place.book.get("x")
    assert (row.retired, row.fired, row.next_at, row.wake_at) == (False, 3, None, None)


def put(place):
    schedule("x", add, ONCE, args=[2])


def resume(place):
    place.book.resume("x")


def declare(place):
    Edition(place.book, [Schedule("x", add, ONCE, args=[2]).declaration()]).apply()


@on_each_database
@pytest.mark.parametrize("change", [put, resume, declare])
def test_a_change_while_it_is_fired_waits_and_writes_nothing_back(
    alias, place, monkeypatch, change
):
    has_read = threading.Event()
    now, push, others = Table.now, place.firing._push, []

    def read(table):
        if threading.current_thread() in others:
            has_read.set()
        return now(table)

    def fire(envelopes):
        others.append(Elsewhere(lambda: change(place)))
        has_read.wait(0.5)
        push(envelopes)

    declare(place) if change is declare else put(place)
    if change is declare:
        place.book.table.update("x", {"mark": "older"})
    place.put_off("x", -1)
    monkeypatch.setattr(Table, "now", read)
    monkeypatch.setattr(place.firing, "_push", fire)
    assert len(place.fire()) == 1
    others[0].join(10)
    assert not others[0].is_alive()
    row = place.book.get("x")
    assert (row.fired, row.next_at, row.wake_at) == (1, None, None)


@on_servers
def test_who_adds_what_somebody_else_has_just_added_lets_it_count_on(alias, place, monkeypatch):
    insert = Table.insert

    def late(table, values):
        monkeypatch.setattr(Table, "insert", insert)
        other = Elsewhere(lambda: place.make(rule=ONCE, args=[1], ago=1))
        other.join(10)
        assert not other.is_alive()
        place.fire()
        insert(table, values)

    monkeypatch.setattr(Table, "insert", late)
    place.make(rule=ONCE, args=[2])
    row = place.book.get("x")
    assert (row.fired, row.next_at) == (1, None)
    assert len(place.jobs()) == 1
