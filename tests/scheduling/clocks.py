"""What the clocks of a zone show, read from `zoneinfo` in the simplest way: minute by minute."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

MINUTE = timedelta(minutes=1)
ZONES = sorted(available_timezones())

WEEKENDS = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("Europe/Dublin", "2026-03-29"),
    ("Europe/Dublin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("America/St_Johns", "2006-04-02"),  # at 00:01
    ("America/St_Johns", "2006-10-29"),
    ("America/Sao_Paulo", "2018-11-04"),  # midnight is skipped
    ("America/Sao_Paulo", "2018-02-18"),  # 23 o'clock comes twice
    ("America/Santiago", "2024-09-08"),
    ("America/Santiago", "2024-04-07"),
    ("America/Asuncion", "2023-10-01"),
    ("America/Asuncion", "2023-03-26"),
    ("America/Havana", "2024-03-10"),
    ("America/Havana", "2024-11-03"),
    ("America/Nuuk", "2022-03-27"),
    ("America/Nuuk", "2022-10-30"),
    ("Africa/Cairo", "2023-04-28"),
    ("Africa/Cairo", "2023-10-27"),
    ("Africa/Casablanca", "2024-03-10"),
    ("Africa/Casablanca", "2024-04-14"),
    ("Asia/Beirut", "2024-03-31"),
    ("Asia/Beirut", "2024-10-27"),
    ("Asia/Tehran", "2021-03-22"),
    ("Asia/Tehran", "2021-09-22"),
    ("Asia/Gaza", "2024-04-20"),
    ("Asia/Gaza", "2024-10-26"),
    ("Asia/Amman", "2021-03-26"),
    ("Asia/Amman", "2021-10-29"),
    ("Asia/Kathmandu", "1986-01-01"),  # a quarter of an hour, for good
    ("Asia/Pyongyang", "2015-08-15"),  # half an hour back, for good
    ("Asia/Pyongyang", "2018-05-05"),
    ("Australia/Lord_Howe", "2024-10-06"),  # half an hour
    ("Australia/Lord_Howe", "2024-04-07"),
    ("Australia/Sydney", "2024-10-06"),
    ("Australia/Sydney", "2024-04-07"),
    ("Pacific/Chatham", "2024-09-29"),
    ("Pacific/Chatham", "2024-04-07"),
    ("Pacific/Apia", "2011-12-30"),  # a day that did not take place
    ("Pacific/Kwajalein", "1993-08-21"),
    ("Antarctica/Troll", "2024-03-31"),  # two hours
    ("Antarctica/Troll", "2024-10-27"),
    ("Atlantic/Azores", "2024-03-31"),
    ("Atlantic/Azores", "2024-10-27"),
]


class Weekend(NamedTuple):
    """Three days around a change of the clocks.

    minutes: each real minute, with what the clocks show in it.
    walls: each minute that clocks could show, with the real ones in which they did.
    """

    zone: str
    minutes: list[tuple[datetime, datetime]]
    walls: dict[datetime, list[datetime]]

    @property
    def begin(self) -> datetime:
        return self.minutes[0][0]

    @property
    def end(self) -> datetime:
        return self.minutes[-1][0]


@cache
def weekend(zone: str, day: str) -> Weekend:
    """Return the days around one."""
    info, middle = ZoneInfo(zone), datetime.fromisoformat(day).replace(tzinfo=UTC)
    minutes = []
    for number in range(-48 * 60, 60 * 60):
        moment = middle + MINUTE * number
        minutes.append((moment, moment.astimezone(info).replace(tzinfo=None, fold=0)))
    walls: dict[datetime, list[datetime]] = {}
    first, last = minutes[0][1], minutes[-1][1]
    while first <= last:
        walls[first] = []
        first += MINUTE
    for moment, wall in minutes:
        if wall in walls:
            walls[wall].append(moment)
    return Weekend(zone, minutes, walls)
