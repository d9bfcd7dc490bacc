"""What code declares is what the table has, also while hosts run different code."""

import json
from datetime import datetime

import pytest

from django_convoy.schedules import Schedule, schedule
from django_convoy.scheduling.calls import signed
from django_convoy.scheduling.editions import SILENT, STARTING, Edition
from django_convoy.scheduling.rules import every
from tests.api.tasks import add
from tests.databases import on_each_database

HOURLY, DAILY = every(hours=1), every(days=1)
pytestmark = on_each_database


def code(place, **rules):
    """The edition of code that declares these."""
    declared = [Schedule(name, add, rule, args=[1]).declaration() for name, rule in rules.items()]
    return Edition(place.book, declared)


def names(place):
    return {row.name: row.rule for row in place.book.all() if not row.retired}


def start(place, **rules):
    """Start a worker with code that declares these; return its edition, None if it is not in
    force."""
    one = code(place, **rules)
    in_force = one.apply()
    later(place, STARTING)
    one.report()
    return one if in_force else None


def later(place, span):
    """As if so much time had passed since all that was reported."""
    _, _, text = place.book.table.site()
    moved = {
        edition: {who: (datetime.fromisoformat(at) - span).isoformat() for who, at in one.items()}
        for edition, one in json.loads(text).items()
    }
    place.book.table.update_site({"editions": json.dumps(moved)})


def test_what_is_declared_is_there(alias, place):
    assert code(place, a=HOURLY, b=DAILY).apply()
    assert sorted(names(place)) == ["a", "b"]
    assert {row.origin for row in place.book.all()} == {"code"}


def test_a_second_start_changes_nothing(alias, place):
    code(place, a=HOURLY).apply()
    before = place.book.all()
    code(place, a=HOURLY).apply()
    assert place.book.all() == before


def test_what_changed_is_changed_and_the_rest_is_left_alone(alias, place):
    code(place, a=HOURLY, b=HOURLY).apply()
    place.put_off("a", 5)
    place.book.pause("b")
    a = place.book.get("a")
    code(place, a=HOURLY, b=DAILY).apply()
    assert place.book.get("a") == a
    b = place.book.get("b")
    assert (b.paused, b.wake_at) == (True, None)
    assert json.loads(b.rule)["days"] == 1


def test_what_is_gone_is_retired_and_keeps_its_history(alias, place):
    code(place, a=HOURLY, b=HOURLY).apply()
    place.put_off("a", -1)
    place.fire()
    code(place, b=HOURLY).apply()
    row = place.book.get("a")
    assert (row.retired, row.wake_at) == (True, None)
    assert len(place.history("a")) == 1
    place.book.table.update("a", {"wake_at": row.last_at})  # whoever wrote that
    assert place.fire() == []
    later(place, STARTING)
    code(place, a=HOURLY, b=HOURLY).apply()
    row = place.book.get("a")
    assert not row.retired
    assert row.wake_at > place.book.table.now()
    code(place).apply()
    place.book.remove("a")


def test_schedules_of_others_are_left_alone(alias, place):
    schedule("mine", add, HOURLY, args=[1])
    code(place, a=HOURLY).apply()
    code(place).apply()
    assert sorted(names(place)) == ["mine"]


def test_code_takes_over_a_name_and_says_so(alias, place, caplog):
    schedule("a", add, HOURLY, args=[1])
    code(place, a=DAILY).apply()
    assert place.book.get("a").origin == "code"
    assert "schedule a was made by runtime; now the code declares it" in caplog.text


def test_what_is_declared_is_changed_where_it_is_declared(alias, place):
    code(place, a=HOURLY).apply()
    with pytest.raises(ValueError, match="'a' is declared in code: change it there"):
        schedule("a", add, DAILY, args=[1])
    with pytest.raises(ValueError, match="'a' is declared in code: remove it there"):
        place.book.remove("a")


# During a deploy


def test_the_first_worker_with_newer_code_changes_what_is_in_force(alias, place):
    old = start(place, a=HOURLY)
    assert start(place, a=DAILY, b=HOURLY)
    assert sorted(names(place)) == ["a", "b"]
    old.report()  # it lives
    assert sorted(names(place)) == ["a", "b"]


def test_a_worker_with_older_code_that_starts_again_changes_nothing(alias, place, caplog):
    start(place, a=HOURLY)
    start(place, a=DAILY, b=HOURLY)
    assert start(place, a=HOURLY) is None
    assert sorted(names(place)) == ["a", "b"]
    assert "the schedules of newer code stay in force" in caplog.text


def test_going_back_takes_effect_when_the_last_worker_with_newer_code_has_stopped(alias, place):
    start(place, a=HOURLY)
    first, second = start(place, b=HOURLY), start(place, b=HOURLY)
    first.leave()
    assert start(place, a=HOURLY) is None
    second.leave()
    assert start(place, a=HOURLY)
    assert sorted(names(place)) == ["a"]


def test_or_when_it_was_not_seen_for_long(alias, place):
    old = start(place, a=HOURLY)
    new = start(place, b=HOURLY)
    old.report()
    assert sorted(names(place)) == ["b"]
    later(place, SILENT)
    old.report()
    assert sorted(names(place)) == ["a"]
    new.report()  # it was only cut off; now it is the older one
    assert sorted(names(place)) == ["a"]


def test_what_has_just_started_is_taken_for_alive(alias, place):
    start(place, a=HOURLY)
    assert code(place, b=HOURLY).apply()  # its steward is still to come
    assert not code(place, a=HOURLY).apply()


def test_a_steward_that_reports_what_is_in_force_writes_no_schedule(alias, place):
    one = code(place, a=HOURLY)
    one.apply()
    before = place.book.all()
    one.report()
    assert place.book.all() == before
    assert len(json.loads(place.book.table.site()[2])) == 1


def test_a_new_key_signs_all_anew(alias, place, settings):
    code(place, a=HOURLY).apply()
    schedule("mine", add, HOURLY, args=[1])
    before = {row.name: row.key_id for row in place.book.all()}
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new-" * 12, [settings.SECRET_KEY]
    code(place, a=HOURLY).apply()
    after = {row.name: row.key_id for row in place.book.all()}
    assert all(after[name] != before[name] for name in before)
    settings.SECRET_KEY_FALLBACKS = []
    for name in after:
        place.put_off(name, -1)
    for row in place.book.all():
        assert place.book.codec.open(signed(row)).args == [1]
