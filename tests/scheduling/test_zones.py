"""The clocks of all zones: every change of the database is known, to the second."""

import importlib.resources
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from django_convoy.scheduling.rules.zones import FOLDS, TICK, Zone, zone
from tests.scheduling.clocks import ZONES
from tests.scheduling.conftest import THOROUGH, examples

MOMENTS = some.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1))


def file_of(name: str) -> bytes:
    for folder in TZPATH:
        path = Path(folder, name)
        if path.exists():
            return path.read_bytes()
    package, _, file = f"tzdata.zoneinfo.{name.replace('/', '.')}".rpartition(".")
    return importlib.resources.files(package).joinpath(file).read_bytes()


def listed_changes(name: str) -> list[datetime]:
    """Return the changes that stand in a TZif file, those of the offset only."""
    data = file_of(name)
    sizes = struct.unpack(">6l", data[20:44])
    isutc, isstd, leap, times, types, chars = sizes
    begin = 44 + times * 5 + types * 6 + chars + leap * 8 + isstd + isutc
    isutc, isstd, leap, times, types, chars = struct.unpack(">6l", data[begin + 20 : begin + 44])
    begin += 44
    moments = struct.unpack(f">{times}q", data[begin : begin + times * 8])
    kinds = data[begin + times * 8 : begin + times * 9]
    begin += times * 9
    offsets = [
        struct.unpack(">l", data[begin + kind * 6 : begin + kind * 6 + 4])[0]
        for kind in range(types)
    ]
    found, before = [], offsets[0]
    for moment, kind in zip(moments, kinds, strict=True):
        if offsets[kind] != before and moment >= 0:
            found.append(datetime(1970, 1, 1) + timedelta(seconds=moment))
        before = offsets[kind]
    return found


@pytest.mark.parametrize("part", range(4))
def test_every_change_of_the_database_is_found(part):
    names = ZONES[part :: 4 if THOROUGH > 1 else 24]
    assert names
    for name in names:
        here, found = Zone(name), []
        moment, end = datetime(1970, 1, 2), datetime(2037, 6, 1)
        while moment < end:
            stretch = here.stretch(moment)
            if stretch.offset != stretch.behind:
                found.append(stretch.end)
            moment = stretch.end
        expected = [one for one in listed_changes(name) if one > datetime(1970, 1, 2)]
        assert [one for one in found if one < end] == [one for one in expected if one < end], name


@examples(200)
@given(some.sampled_from(ZONES), MOMENTS)
def test_walls_are_those_of_zoneinfo(name, moment):
    shown = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(name))
    assert zone(name).wall(moment) == shown.replace(tzinfo=None, fold=0)
    assert moment in {zone(name).moment(shown.replace(tzinfo=None, fold=0), f) for f in FOLDS[:2]}


@examples(200)
@given(some.sampled_from(ZONES), MOMENTS)
def test_a_wall_that_clocks_skip_is_the_moment_behind_the_gap(name, wall):
    moment = zone(name).moment(wall)
    shown = zone(name).wall(moment)
    assert shown >= wall
    if shown > wall:
        assert zone(name).wall(moment - TICK) < wall


def test_what_the_clocks_show_does_not_depend_on_what_was_asked_before():
    here, moment = Zone("Europe/Berlin"), datetime(2026, 10, 25)
    asked = [here.stretch(moment + timedelta(days=days)) for days in range(-900, 900, 7)]
    fresh = [
        Zone("Europe/Berlin").stretch(moment + timedelta(days=days)) for days in range(-900, 900, 7)
    ]
    assert asked == fresh
