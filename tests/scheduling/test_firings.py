"""Firings that were missed, jitter, and times without a zone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.scheduling.rules import (
    cron,
    daily,
    every,
    hourly,
    last_missed,
    missed,
    once,
    preview,
)

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)


def test_missed_firings_come_one_by_one():
    rule = every(seconds=1, start=datetime(2000, 1, 1, tzinfo=UTC))
    long_ago = NOW - timedelta(days=9000)
    assert list(islice(missed(rule, long_ago, NOW), 2)) == [
        long_ago + timedelta(seconds=1),
        long_ago + timedelta(seconds=2),
    ]
    assert list(missed(rule, NOW, NOW)) == []
    assert list(missed(rule, NOW - timedelta(seconds=1), NOW)) == [NOW]
    assert len(list(missed(every(seconds=1, repeat=5), long_ago, NOW, fired=2))) == 3


def test_the_newest_of_millions_is_found_without_a_look_at_each():
    asked = 0
    rule = every(seconds=1, start=datetime(2000, 1, 1, tzinfo=UTC), between="2-3")

    class Counted:
        def next(self, after, fired=0):
            nonlocal asked
            asked += 1
            return rule.next(after, fired)

    long_ago = NOW - timedelta(days=9000)
    assert last_missed(Counted(), long_ago, NOW) == datetime(2026, 3, 28, 3, tzinfo=UTC)
    assert asked < 150
    assert last_missed(rule, NOW, NOW) is None
    assert last_missed(rule, NOW - timedelta(hours=1), NOW) is None
    assert last_missed(cron("0 0 29 2 *"), long_ago, NOW) == datetime(2024, 2, 29, tzinfo=UTC)
    assert last_missed(once(NOW), long_ago, NOW) == NOW
    assert last_missed(daily(repeat=1), long_ago, NOW, fired=1) is None


def test_jitter_is_the_same_everywhere_and_different_for_each_firing():
    rule = hourly(jitter=600)
    late = {rule.due(one.utc, "report") - one.utc for one in preview(rule, NOW, 100)}
    assert len(late) == 100
    assert all(timedelta(0) <= one < timedelta(minutes=10) for one in late)
    assert max(late) - min(late) > timedelta(minutes=8)
    assert rule.due(NOW, "report") == datetime(2026, 3, 28, 12, 8, 19, 631673, tzinfo=UTC)
    assert rule.due(NOW, "other") != rule.due(NOW, "report")
    assert hourly().due(NOW, "report") == NOW
    local = rule.local(NOW)
    assert rule.due(local, "report") == rule.due(NOW, "report")


@pytest.mark.parametrize(
    "rule",
    [
        every(seconds=10, jitter=60),
        every(minutes=30, between="9-10", jitter="3h"),
        daily(at="1:30", jitter="20h", between="22-2, 2:30-3:30", tz="Europe/Berlin"),
        daily(at="23:50", jitter="6h", weekdays="sat", tz="America/Havana"),
        daily(at="11:00", jitter="23h", holidays=["2026-03-30", "2026-04-02"]),
        daily(
            at="11:00", jitter="2h", blackouts=["11:30-12:30", "2026-03-30T11:10/2026-03-30T12:00"]
        ),
        cron("0 4,16 * * *", jitter="1d", end="2026-03-31T04:05", outside="move", between="5-6"),
    ],
    ids=lambda rule: rule.words(),
)
def test_jitter_leads_past_no_other_firing_and_out_of_no_limit(rule):
    times = preview(rule, NOW, 60)
    for name in ("a", "b", "c"):
        due = [rule.due(one.utc, name) for one in times]
        assert due == sorted(due)
        for one, late in zip(times, due, strict=True):
            following = rule.next(one.utc)
            assert one.utc <= late <= one.utc + rule.jitter
            assert following is None or late < following
            if late > one.utc:
                # A rule of each moment says whether this one is within the limits.
                anything = replace(rule, trigger=every(1).trigger, repeat=None, outside="skip")
                second = late.replace(microsecond=0)
                assert anything.next(second - timedelta(microseconds=1)) == second


def test_jitter_makes_use_of_the_room_that_there_is():
    rule = every(minutes=30, between="9-10", jitter="3h")
    late = [rule.due(one.utc, "report") - one.utc for one in preview(rule, NOW, 90)]
    assert max(late) > timedelta(minutes=25)


def test_times_without_a_zone_are_on_the_clocks_of_the_rule():
    rule = daily(start=datetime(2026, 4, 1, 9), end=datetime(2026, 4, 3, 9))
    assert rule.next(NOW) == datetime(2026, 4, 1, 9, tzinfo=UTC)
    here = rule.zoned("Asia/Tokyo")
    assert here.next(NOW) == datetime(2026, 4, 1, 0, tzinfo=UTC)
    assert here.zoned("Europe/Berlin") is here
    assert here.aware(datetime(2026, 4, 1, 9)) == datetime(2026, 4, 1, tzinfo=UTC)
    assert here.aware(NOW) == NOW
    assert here.local(NOW).replace(tzinfo=None) == datetime(2026, 3, 28, 21)


def test_a_mix_of_times_with_and_without_a_zone_is_refused():
    with pytest.raises(InvalidSchedule, match="start is aware and end is naive"):
        daily(start=NOW, end=datetime(2027, 1, 1))
    with pytest.raises(InvalidSchedule, match="start is aware and blackouts is naive"):
        daily(start=NOW, blackouts=["2026-12-24T00:00/2026-12-25T00:00"])
    with pytest.raises(InvalidSchedule, match="after must be aware"):
        daily().next(datetime(2026, 1, 1))
    assert daily(start=NOW, end="2027-01-01").start == NOW


def test_a_start_brings_its_zone_along():
    start = datetime(2026, 4, 1, 9, tzinfo=daily(tz="Asia/Tokyo").calendar.zone.info)
    assert daily(start=start).tz == "Asia/Tokyo"
    assert daily(start=start, tz="Europe/Berlin").tz == "Europe/Berlin"
    assert daily(start=NOW).tz is None
    assert daily(start="2026-04-01T09:00+09:00").tz is None
