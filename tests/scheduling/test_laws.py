"""What is true of every rule, in all zones, from 1970 to 2100."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as some

from django_convoy.scheduling.rules import Rule, last_missed, missed
from django_convoy.scheduling.rules.days import ALL
from django_convoy.scheduling.rules.windows import Blackout, Window
from tests.scheduling.conftest import examples
from tests.scheduling.rules import cases

NEVER = datetime.max.replace(tzinfo=UTC)


def following(rule: Rule, after: datetime) -> datetime:
    return rule.next(after) or NEVER


@examples(150)
@given(cases())
def test_the_next_firing_is_later_and_there_is_none_between(case):
    rule, first, second = case
    early, late = following(rule, first), following(rule, second)
    assert early > first
    assert late > second
    assert early <= late
    if early > second:
        assert late == early
    if early < NEVER:
        assert following(rule, early - timedelta(microseconds=1)) == early
        assert early.utcoffset() == timedelta(0)


@examples(150)
@given(cases())
def test_a_firing_is_within_what_the_rule_allows(case):
    rule, first, _ = case
    found = rule.next(first)
    if found is not None:
        check_allowed(rule, found)


@examples(100)
@given(cases(), some.sampled_from([30, 5400, 86400]))
def test_jitter_leads_neither_out_of_that_nor_to_the_next_firing(case, seconds):
    rule, first, _ = case
    found = rule.next(first)
    if found is None:
        return
    due = replace(rule, jitter=timedelta(seconds=seconds)).due(found, "x")
    assert found <= due <= found + timedelta(seconds=seconds)
    assert due < following(rule, found)
    check_allowed(rule, due)


def check_allowed(rule: Rule, found: datetime) -> None:
    local = rule.local(found).replace(tzinfo=None)
    clock = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
    assert rule.start is None or found >= rule.aware(rule.start)
    assert rule.end is None or found <= rule.aware(rule.end)
    assert local.weekday() in rule.weekdays
    assert local.date() not in rule.holidays
    assert not rule.between or any(within(clock, window) for window in rule.between)
    for span in rule.blackouts:
        if isinstance(span, Blackout):
            assert not span.start <= local.date() <= span.end
        else:
            assert not within(clock, span) or clock == span.end


def within(clock: timedelta, window: Window) -> bool:
    if window.start < window.end:
        return window.start <= clock <= window.end
    return clock >= window.start or clock <= window.end


@examples(80)
@given(cases())
def test_a_rule_survives_json(case):
    rule, first, _ = case
    again = Rule.from_json(json.loads(json.dumps(rule.to_json())))
    assert again == rule
    assert hash(again) == hash(rule)
    assert again.next(first) == rule.next(first)


@examples(80)
@given(cases())
def test_every_rule_can_be_said(case):
    rule, *_ = case
    said = rule.words()
    assert said[0].isupper() and "\n" not in said and "  " not in said
    assert said.endswith(f"({rule.tz})")
    assert ("only on " in said) == (rule.weekdays != ALL)


@examples(60)
@given(cases())
def test_the_newest_of_the_missed_is_the_last_of_them(case):
    rule, first, _ = case
    now = first + timedelta(hours=9)
    if rule.to_json().get("seconds", 100) < 60 or "expression" in rule.to_json():
        now = first + timedelta(minutes=30)
    all_of_them = list(missed(rule, first, now))
    assert last_missed(rule, first, now) == (all_of_them[-1] if all_of_them else None)
    assert all_of_them == sorted(set(all_of_them))
    assert all(first < one <= now for one in all_of_them)
