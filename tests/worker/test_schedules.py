"""Schedules with real workers: on time, exactly once, and changed within a second."""

import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.worker.site import Site, Tree, kill, wait_for

EACH_SECOND = {"kind": "every", "seconds": 1}
SELDOM = {"kind": "every", "hours": 1}
Make = Callable[..., Site]


SERVERS = {
    "make_site": (),
    "make_postgres_site": pytest.mark.postgres,
    "make_mariadb_site": pytest.mark.mariadb,
}


@pytest.fixture(params=[pytest.param(one, marks=mark) for one, mark in SERVERS.items()])
def place(request: pytest.FixtureRequest) -> Site:
    made: Site = request.getfixturevalue(request.param)(options={"lease": 5})
    return made


def wait_for_reports(place: Site, count: int = 1) -> None:
    wait_for(
        lambda: place.sql("SELECT count(*) FROM convoy_worker")[0][0] >= count,
        lambda: f"no worker reported\n{place.logs()}",
    )


def lateness(place: Site, since: datetime) -> list[float]:
    """How many seconds after its intended time each firing was enqueued."""
    rows = place.sql("SELECT intended_at, fired_at FROM convoy_firing")
    times = [[_time(one) for one in row] for row in rows]
    return sorted((fired - at).total_seconds() for at, fired in times if at > since)


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def p99(values: list[float]) -> float:
    return values[int(len(values) * 0.99)]


def test_a_schedule_is_fired_and_its_job_is_run(place: Site) -> None:
    place.schedule(["a"], "tick", EACH_SECOND, "NAME", intended=True)
    tree = place.worker("--processes", "1")
    lines = place.wait_journal("tick", "a", count=3)
    times = [float(line[2]) for line in lines]
    assert times == sorted(set(times))
    assert all(at % 1 == 0 for at in times)
    assert tree.stop() == 0


def test_a_change_takes_effect_within_a_second(place: Site) -> None:
    """While a steward sleeps because nothing is due for an hour."""
    place.schedule(["idle"], "tick", SELDOM, "NAME")
    place.worker("--processes", "1")
    wait_for_reports(place)
    time.sleep(2.5)  # it has looked, and sleeps
    at = datetime.now(UTC) + timedelta(seconds=0.2)
    place.schedule(["new"], "tick", {"kind": "once", "at": at.isoformat()}, "NAME")
    told = max(at.timestamp(), time.time())  # a process told it, which may have been slow to start
    (line,) = place.wait_journal("tick", "new")
    assert float(line[3]) < told + 1
    place.schedule(["often"], "tick", EACH_SECOND, "NAME")
    place.wait_journal("tick", "often", count=2)
    place.book("pause", "often")
    count = len(place.journal("tick", "often"))
    time.sleep(2.5)
    assert len(place.journal("tick", "often")) <= count + 1  # one may have been under way
    place.book("resume", "often")
    place.wait_journal("tick", "often", count=count + 3)


def test_a_worker_that_is_to_fire_none_fires_none(place: Site) -> None:
    place.schedule(["a"], "tick", EACH_SECOND, "NAME")
    tree = place.worker("--processes", "1", "--no-schedules")
    wait_for_reports(place)
    place.enqueue("quick", "done")
    place.wait_journal("quick", "done")
    time.sleep(1.5)
    assert not place.journal("tick")
    tree.stop()
    place.worker("--processes", "1")
    place.wait_journal("tick", "a", count=2)


def test_what_the_code_declares_is_there_when_a_worker_starts(make_site: Make) -> None:
    task = "tests.worker.project.tasks.tick"
    declared = {"s": {"task": task, "rule": EACH_SECOND, "args": ["settings"]}}
    place = make_site(options={"schedules": declared})
    tree = place.worker("--processes", "1")
    place.wait_journal("tick", "settings", count=2)
    ((origin, paused),) = place.sql("SELECT origin, paused FROM convoy_schedule")
    assert (origin, paused) == ("settings", 0)
    tree.stop()


def test_a_mistake_in_a_declaration_is_said_before_anything_starts(make_site: Make) -> None:
    task = "tests.worker.project.tasks.tick"
    declared = {"s": {"task": task, "rule": "0 99 * * *", "args": ["s"]}}
    tree = make_site(options={"schedules": declared}).worker()
    assert tree.wait() != 0
    assert "TASKS['default']['OPTIONS']['schedules']['s']: " in tree.log
    assert "99" in tree.log
    assert "Traceback" not in tree.log


def test_a_steward_that_is_killed_has_a_successor(place: Site) -> None:
    place.schedule(["a"], "tick", EACH_SECOND, "NAME", intended=True)
    tree = place.worker("--processes", "1")
    place.wait_journal("tick", "a", count=1)
    kill(tree.steward())
    place.wait_journal("tick", "a", count=4)
    times = [line[2] for line in place.journal("tick", "a")]
    assert len(times) == len(set(times))


@pytest.mark.postgres
def test_a_lost_connection_is_opened_again(make_postgres_site: Make) -> None:
    place = make_postgres_site()
    place.schedule(["a"], "tick", EACH_SECOND, "NAME", intended=True)
    tree = place.worker("--processes", "1")
    place.wait_journal("tick", "a")
    place.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    count = len(place.journal("tick", "a"))
    lines = place.wait_journal("tick", "a", count=count + 3)
    assert len({line[2] for line in lines}) == len(lines)
    steward = tree.steward()
    place.wait_journal("tick", "a", count=count + 4)
    assert tree.steward() == steward


# Slow ones


@pytest.mark.slow
def test_schedules_that_are_not_due_cost_nothing(place: Site) -> None:
    schedules = 10_000
    tree = place.worker("--processes", "1")
    wait_for_reports(place)
    without = seconds_of_four(tree)
    place.schedule(["a"], "tick", SELDOM, "NAME")
    place.copies("a", schedules)
    used = seconds_of_four(tree)
    print(f"\nCPU of a steward in 4 s: {used:.3f} s with {schedules}, {without:.3f} without any")
    assert used < without * 1.5 + 0.05


def seconds_of_four(tree: Tree) -> float:
    """CPU seconds that a steward uses in four, once it has settled."""
    time.sleep(2)
    before = steward_seconds(tree)
    time.sleep(4)
    return steward_seconds(tree) - before


def steward_seconds(tree: Tree) -> float:
    """CPU seconds of all threads of a steward."""
    threads = Path(f"/proc/{tree.steward()}/task").glob("*/schedstat")
    return sum(int(one.read_text().split()[0]) for one in threads) / 1e9


@pytest.mark.slow
def test_how_late_firings_are_on_an_idle_system(place: Site) -> None:
    for tenth in range(10):
        rule = {**EACH_SECOND, "start": f"2026-01-01T00:00:00.{tenth}+00:00"}
        place.schedule([f"s{tenth}-{n}" for n in range(3)], "tick", rule, "NAME")
    place.worker("--processes", "1")
    place.wait_journal("tick", count=30)
    for _ in range(3):  # the system of the test is not always idle
        begin = datetime.now(UTC)
        time.sleep(5)
        late = lateness(place, begin)
        print(
            f"\nlateness of {len(late)} firings: median {statistics.median(late) * 1000:.1f} ms, "
            f"p99 {p99(late) * 1000:.1f} ms, worst {late[-1] * 1000:.1f} ms"
        )
        if p99(late) < 0.1:
            break
    assert late[0] >= 0
    assert len(late) >= 100
    assert p99(late) < 0.1


@pytest.mark.slow
@pytest.mark.postgres
def test_how_late_firings_are_under_load(make_postgres_site: Make) -> None:
    """While workers are given more than they can do; what is fired comes first."""
    place = make_postgres_site()
    load = [[number, 1] for number in range(40_000)]
    place.enqueue_many("add", load)
    names = [f"s{n}" for n in range(40)]
    place.schedule(names, "tick", EACH_SECOND, "NAME", intended=True, using={"priority": 9})
    place.worker("--processes", "2")
    place.wait_journal("tick", count=30)
    begin, more = datetime.now(UTC), place.live()
    while (took := (datetime.now(UTC) - begin).total_seconds()) < 4:
        if place.live() < len(load):
            place.enqueue_many("add", load)
            more += len(load)
        time.sleep(0.1)
    done = (more - place.live()) / took
    late = lateness(place, begin)
    started = sorted(
        float(at) - float(intended)
        for _, _, intended, at in place.journal("tick")
        if float(intended) > begin.timestamp()
    )
    print(
        f"\nbeside {done:,.0f} jobs/s: enqueued p99 {p99(late) * 1000:.0f} ms late, "
        f"started p99 {p99(started) * 1000:.0f} ms late"
    )
    assert done > 1000, "that was no load"
    assert late[0] >= 0
    assert len(late) >= 100
    assert p99(late) < 1


@pytest.mark.slow
def test_each_firing_happens_once_whatever_dies_and_whose_clock_steps(place: Site) -> None:
    """200 schedules each second on four hosts; stewards, workers and whole hosts are killed,
    and hosts' clocks step by an hour. On SQLite these are the store's clock."""
    schedules, seconds = 200, 8
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=12)
    end = begin + timedelta(seconds=seconds - 1)
    rule = {**EACH_SECOND, "start": begin.isoformat(), "end": end.isoformat()}
    names = [f"s{n:03}" for n in range(schedules)]
    place.schedule(names, "tick", rule, "NAME", intended=True, catch_up="all")
    dice = random.Random(5)
    clocks = [place.folder / f"clock-{n}" for n in range(4)]
    for one in clocks:
        one.write_text("0")

    def host(number: int) -> Tree:
        return place.worker("--processes", "1", CONVOY_SITE_CLOCK=str(clocks[number]))

    hosts = [host(number) for number in range(4)]
    kills = Counter[str]()
    while datetime.now(UTC) < end + timedelta(seconds=2):
        time.sleep(0.4)
        number = dice.randrange(4)
        tree, what = hosts[number], dice.choice(["steward", "steward", "worker", "host", "clock"])
        if what == "clock":
            path = clocks[number]
            path.with_suffix(".new").write_text(str(dice.choice([-3600, 0, 3600])))
            path.with_suffix(".new").replace(path)
        elif what == "host":
            tree.kill()
            hosts[number] = host(number)
        else:
            for pid in tree.children(what):
                kill(pid)
        kills[what] += 1
    for one in clocks:
        one.write_text("0")
    expected = schedules * seconds
    count = "SELECT count(*) FROM convoy_firing WHERE job_id <> ''"
    wait_for(
        lambda: place.sql(count)[0][0] >= expected,
        lambda: f"{place.sql(count)} of {expected}\n{place.logs()}",
        60,
    )
    place.wait_empty(120)
    rows = place.sql("SELECT payload FROM convoy_history WHERE status = 'SUCCESSFUL'")
    runs = Counter(_run(payload) for (payload,) in rows)
    times = [begin + timedelta(seconds=n) for n in range(seconds)]
    wanted = {(name, at) for name in names for at in times}
    assert set(runs) == wanted
    assert max(runs.values()) == 1
    assert place.sql(count)[0][0] == expected
    print(f"\n{expected} firings, {dict(kills)}")


def _run(payload: str) -> tuple[str, datetime]:
    call = json.loads(payload)
    text, zone, fold = call["kwargs"]["intended"]["value"]
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return call["args"][0], local.astimezone(UTC)
