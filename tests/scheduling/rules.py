"""Rules of all kinds, for property tests."""

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import assume
from hypothesis import strategies as some

from django_convoy.domain.errors import InvalidSchedule
from django_convoy.scheduling.rules import Rule, cron, every, once
from django_convoy.scheduling.rules.zones import Zone, zone
from tests.scheduling.clocks import ZONES

FIRST, LAST = datetime(1970, 1, 2), datetime(2100, 1, 1)
CLOCKS = some.builds(time, some.integers(0, 23), some.sampled_from([0, 1, 15, 30, 59]))
CRONS = [
    "* * * * *",
    "*/7 * * * *",
    "0 * * * *",
    "30 2 * * *",
    "0 0 * * *",
    "15,45 0-3,23 * * *",
    "30 */2 * * sat,sun",
    "0 9 L * *",
    "59 23 * * 1#1",
    "*/10 30 1 * * *",
]


@some.composite
def moments(draw, name: str) -> datetime:
    """Moments, often close to where the clocks are moved."""
    moment = draw(some.datetimes(FIRST, LAST))
    if draw(some.booleans()):
        near = draw(some.sampled_from([0, 1, 1800, 3600, 5400, 90000]))
        moment = Zone(name).stretch(moment).end + timedelta(seconds=near * draw(SIGNS))
    return min(max(moment, FIRST), LAST).replace(tzinfo=UTC)


SIGNS = some.sampled_from([-1, 1])


@some.composite
def windows(draw) -> str:
    start, end = draw(CLOCKS), draw(CLOCKS)
    assume(start != end)
    return f"{start:%H:%M}-{end:%H:%M}"


@some.composite
def limited(draw, name: str, near: datetime) -> dict:
    """Options of all kinds that have to do with a time."""
    options: dict = {"tz": name}
    here = near.replace(tzinfo=None)

    def days(most: int) -> some.SearchStrategy[date]:
        return some.integers(-most, most).map(lambda n: (here + timedelta(days=n)).date())

    if draw(some.booleans()):
        options["between"] = ", ".join(draw(some.lists(windows(), min_size=1, max_size=2)))
    if draw(some.booleans()):
        options["weekdays"] = sorted(draw(some.sets(some.integers(0, 6), min_size=1)))
    if draw(some.booleans()):
        options["holidays"] = sorted(draw(some.sets(days(20), min_size=1, max_size=12)))
    if draw(some.booleans()):
        first, span = draw(days(5)), draw(some.integers(0, 4))
        options["blackouts"] = [f"{first}/{first + timedelta(days=span)}"]
        if draw(some.booleans()):
            options["blackouts"].append(draw(windows()))
    if draw(some.booleans()):
        options["outside"] = "move"
    if draw(some.booleans()):
        options["gap"] = draw(some.sampled_from(["after", "shift", "skip"]))
        options["fold"] = draw(some.sampled_from(["first", "second", "twice"]))
    return options


@some.composite
def made(draw, name: str, near: datetime) -> Rule:
    """Rules around a time."""
    options = draw(limited(name, near))
    kind = draw(some.sampled_from(["cron", "elapsed", "days", "months", "mixed", "once"]))
    if kind != "elapsed" and "holidays" in options:
        options["on_holiday"] = draw(some.sampled_from(["skip", "before", "after"]))
    start = near - timedelta(seconds=draw(some.sampled_from([-90000, 0, 1, 3600, 10**7, 10**9])))
    start = max(start, datetime(1960, 1, 1, tzinfo=UTC))
    choice = draw(some.integers(0, 3))
    if choice == 1:
        options["start"] = start
    elif choice == 2:
        options["start"] = zone(name).wall(start.replace(tzinfo=None))
    if choice == 1 and draw(some.booleans()):
        options["end"] = near + timedelta(seconds=draw(some.integers(0, 10**8)))
    try:
        match kind:
            case "cron":
                return cron(draw(some.sampled_from(CRONS)), **options)
            case "elapsed":
                seconds = draw(some.sampled_from([1, 7, 60, 600, 3600, 43200, 100000]))
                return every(seconds=seconds, **options)
            case "days":
                days = draw(some.sampled_from([1, 2, 7, 14, 30]))
                at = draw(some.none() | CLOCKS)
                return every(days=days, at=at, **options)
            case "months":
                months = draw(some.sampled_from([1, 2, 3, 12, 18]))
                return every(months=months, days=draw(some.sampled_from([0, -1, -5])), **options)
            case "mixed":
                return every(months=draw(some.integers(0, 2)), days=1, hours=7, **options)
            case _:
                options.pop("start", None), options.pop("end", None)
                return once(near.astimezone(zone(name).info).replace(tzinfo=None), **options)
    except InvalidSchedule as error:
        assume("never fires" not in str(error) and "no time of the day" not in str(error))
        assume("end must be later" not in str(error))
        raise


@some.composite
def cases(draw) -> tuple[Rule, datetime, datetime]:
    """A rule, and two times in order."""
    name = draw(some.sampled_from(ZONES))
    near = draw(moments(name))
    rule = draw(made(name, near))
    steps = [0, 1e-6, 1, 1800, 3600, 5400, 86400, 10**6, 10**8]
    first = near - timedelta(seconds=draw(some.sampled_from(steps)))
    return rule, first, first + timedelta(seconds=draw(some.sampled_from(steps)))
