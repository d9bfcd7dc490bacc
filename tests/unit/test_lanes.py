"""In which order a worker looks at its queues."""

from collections import Counter

import pytest

from django_convoy.core.lanes import EVERY, Lane, Lanes, parse
from django_convoy.domain.errors import ConfigurationError


def lanes(text, with_work=()):
    return Lanes(parse(text), lambda name: f"ns:{name}", lambda: [f"ns:{one}" for one in with_work])


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("mail", [Lane("mail")]),
        (" high , low,", [Lane("high"), Lane("low")]),
        ("a:4,b:1", [Lane("a", 4), Lane("b", 1)]),
        ("*", [Lane(EVERY)]),
        ("high,*", [Lane("high"), Lane(EVERY)]),
    ],
)
def test_queues_are_named_with_commas(text, read):
    assert parse(text) == read


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "name at least one queue, or '*' for all"),
        (" , ", "name at least one queue"),
        ("a:0", "'a:0': the weight must be a whole number above 0, as in mail:4"),
        ("a:-1", "weight must be"),
        ("a:", "weight must be"),
        ("a:x", "weight must be"),
        ("a:1.5", "weight must be"),
        ("a:1,b", "give every queue a weight, or none"),
        ("a,b,a", "queue 'a' is named twice"),
        ("a:1,a:2", "queue 'a' is named twice"),
    ],
)
def test_what_cannot_work_is_refused_in_words(text, told):
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert told in str(caught.value)


def test_without_weights_the_order_is_strict():
    assert {tuple(lanes("b,a,c")) for _ in range(20)} == {("ns:b", "ns:a", "ns:c")}


def test_a_star_is_every_other_queue_with_work():
    order = list(lanes("high,*", with_work=["x", "high", "y"]))
    assert order[0] == "ns:high"
    assert sorted(order[1:]) == ["ns:x", "ns:y"]


def test_a_star_favours_nobody():
    firsts = {next(iter(lanes("*", with_work=["x", "y", "z"]))) for _ in range(200)}
    assert firsts == {"ns:x", "ns:y", "ns:z"}


def test_weights_draw_who_comes_first():
    drawn = lanes("a:3,b:1")
    firsts = Counter(next(iter(drawn)) for _ in range(4000))
    assert 2700 < firsts["ns:a"] < 3300  # nine deviations wide
    assert all(sorted(drawn) == ["ns:a", "ns:b"] for _ in range(20))
