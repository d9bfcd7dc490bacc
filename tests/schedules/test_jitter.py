"""Jitter puts each firing off by itself; none gets lost on the way."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from django_convoy.scheduling.rules import every, preview
from tests.databases import on_sqlite

BEGIN = datetime(2031, 1, 1, tzinfo=UTC)
JITTERED = every(hours=1, jitter="50m", start=BEGIN)


@on_sqlite
@pytest.mark.parametrize("catch_up", ["all", "last", "none"])
def test_with_jitter_all_are_fired_when_their_own_time_has_come(alias, place, catch_up):
    """Whatever is to become of those that were missed: none was."""
    begin, fired = BEGIN, []
    with time_machine.travel(begin - timedelta(hours=1), tick=False) as clock:
        row = place.make(rule=JITTERED, args=[1], catch_up=catch_up)
        for hour in range(6):
            assert row.wake_at > row.next_at + timedelta(minutes=1) or hour
            clock.move_to(row.wake_at - timedelta(seconds=1))
            assert place.fire() == []
            clock.move_to(row.wake_at)
            fired += place.fire()
            row = place.book.get("x")
            assert row.last_at == begin + timedelta(hours=hour)
    assert len(fired) == 6


@on_sqlite
@pytest.mark.parametrize(("catch_up", "expected"), [("all", 3), ("last", 1), ("none", 0)])
def test_what_jitter_has_put_off_is_not_missed_before_its_time(alias, place, catch_up, expected):
    """Nobody looked for three hours; the fourth firing is due in an hour's last minutes."""
    times = [one.utc for one in preview(JITTERED, BEGIN, 200)]
    late = [JITTERED.due(one, "x") - one for one in times]
    number = next(n for n in range(10, 200) if late[n] > timedelta(minutes=45) > late[n - 1] * 3)
    with time_machine.travel(times[number - 4], tick=False) as clock:
        place.make(rule=JITTERED, args=[1], catch_up=catch_up)
        clock.move_to(times[number] + timedelta(minutes=40))
        assert len(place.fire()) == expected
        assert place.book.get("x").next_at == times[number]
        clock.move_to(times[number] + late[number])
        assert len(place.fire()) == 1
        assert place.book.get("x").last_at == times[number]
