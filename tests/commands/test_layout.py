"""Tables, spans and ages are readable whatever stands in them."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from django_convoy.insight.ages import ago, in_words
from django_convoy.management.spans import moment, span
from django_convoy.management.table import cut, layout, width_of

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)


def test_columns_are_aligned_and_numbers_stand_right():
    assert layout(("Name", "N"), [("a", 1), ("long", 100)], None) == [
        "Name    N",
        "a       1",
        "long  100",
    ]


def test_wide_characters_take_two_columns():
    assert width_of("日本") == 4
    assert width_of("e\u0301") == 1
    assert layout(("A", "B"), [("日本", "x"), ("abcd", "y")], None)[1:] == ["日本  x", "abcd  y"]
    assert cut("日本語", 5) == "日本…"
    assert cut("abc", 3) == "abc"


def test_a_narrow_terminal_cuts_the_widest_column():
    lines = layout(("Id", "Task"), [("1", "x" * 50)], 20)
    assert max(width_of(line) for line in lines) == 20
    assert lines[1].endswith("…")


def test_a_terminal_too_narrow_for_all_keeps_every_column():
    assert len(layout(("Aaaaaaaaaa", "Bbbbbbbbbb"), [("a" * 30, "b" * 30)], 5)[1].split()) == 2


def test_what_a_job_says_cannot_drive_the_terminal():
    assert layout(("A",), [("x\x1b[31m\ny",)], None)[1] == "x [31m y"


def test_nothing_reads_as_a_dash():
    assert layout(("A", "B"), [(None, 1)], None)[1] == "-  1"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"),
        (0, "0 s"),
        (0.04, "0.0 s"),
        (1.25, "1.2 s"),
        (12, "12 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3725, "1 h 2 min"),
        (90061, "1 d 1 h"),
        (86400 * 400, "400 d"),
        (86400 + 59, "1 d"),
        (-75, "-1 min 15 s"),
    ],
)
def test_ages_have_two_units_at_most(seconds, words):
    assert in_words(seconds) == words
    if seconds is not None:
        assert in_words(timedelta(seconds=seconds)) == words


def test_times_are_told_from_now():
    assert ago(NOON - timedelta(minutes=2), NOON) == "2 min ago"
    assert ago(NOON + timedelta(minutes=2), NOON) == "in 2 min"
    assert ago(None, NOON) == "-"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5s", 1.5), ("10m", 600), ("10min", 600), ("2h30m", 9000), ("7d", 604800)],
)
def test_spans_are_read_as_people_write_them(text, seconds):
    assert span(text) == timedelta(seconds=seconds)
    assert moment(f"+{text}") == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "-5", "5x", "1h2d"])
def test_what_is_no_span_is_refused(text):
    with pytest.raises(ArgumentTypeError, match="is not a span"):
        span(text)


def test_a_moment_without_a_zone_is_local(settings):
    settings.TIME_ZONE = "Europe/Paris"
    assert moment("2030-01-31T13:00") == NOON
    assert moment("2030-01-31T12:00+00:00") == NOON
    with pytest.raises(ArgumentTypeError, match="nor a span such as"):
        moment("tomorrow")
    with time_machine.travel(NOON):
        assert moment("+1h") == timedelta(hours=1)
