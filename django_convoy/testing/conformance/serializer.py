"""The suite for serializers: inherit `SerializerConformance`, and say in `make()` what to test.

Needs hypothesis. What a serializer cannot carry is taken out of `values`.
"""

import unittest
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from django_convoy.contracts.serializer import Serializer
from django_convoy.domain.errors import PayloadError

inherited = settings(
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow], deadline=None
)
ZONES = [UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(seconds=1))]
NAMED = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kolkata")]
TEXT = some.text(some.characters(codec="utf-8"))
# Zones of names are apart: what adds up is compared in UTC, and is told apart by its zone.
MOMENTS = some.datetimes(timezones=some.sampled_from([None, *ZONES, *NAMED]), allow_imaginary=True)
FOLDED = some.builds(
    lambda at, zone: at.replace(tzinfo=zone, fold=1),
    some.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1)),
    some.sampled_from([None, *NAMED]),
)
HASHABLE = some.one_of(
    TEXT,
    some.integers(),
    some.booleans(),
    some.none(),
    some.floats(allow_nan=False, allow_infinity=False),
    some.dates(),
    MOMENTS,
    FOLDED,
    some.times(timezones=some.sampled_from([None, *ZONES])),
    some.timedeltas(),
    some.decimals(allow_nan=False),
    some.uuids(),
    some.binary(),
)
MEMBERS = some.one_of(HASHABLE, some.tuples(HASHABLE, some.frozensets(HASHABLE, max_size=3)))
VALUES = some.recursive(
    some.one_of(HASHABLE, some.sets(MEMBERS), some.frozensets(MEMBERS)),
    lambda inner: some.one_of(
        some.lists(inner), some.dictionaries(some.one_of(TEXT, some.just("$")), inner)
    ),
    max_leaves=12,
)


def shown(value: Any) -> Any:
    """Return what tells values apart that are equal: types, offsets, zones, folds, digits."""
    if isinstance(value, dict):
        return {key: shown(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [type(value), *map(shown, value)]
    if isinstance(value, set | frozenset):
        return [type(value), sorted(repr(shown(one)) for one in value)]
    if isinstance(value, datetime | time):
        return [repr(value.replace(tzinfo=None)), str(value.tzinfo), value.utcoffset()]
    return [type(value), repr(value)]


class SerializerConformance:
    """Every promise of `contracts.serializer.Serializer`."""

    examples: ClassVar[list[Any]] = [
        None,
        True,
        0,
        -1.5,
        1e308,
        2**80,
        "",
        "ü🚚\x00\u2028",
        [],
        {},
        {"$": None},
        {"$": "decimal", "value": "1"},
        {"$": {"$": {"$": []}}, "x": {"$$": 1}},
        date(1, 1, 1),
        datetime(2026, 10, 25, 2, 30, fold=1),
        datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
        datetime(9999, 12, 31, 23, 59, 59, 999999, timezone(timedelta(hours=-14))),
        time(23, 59, 59, 1, tzinfo=UTC),
        time(2, 30, fold=1),
        timedelta.min,
        timedelta.max,
        Decimal("1.10"),
        Decimal("-0"),
        Decimal("1E+999999"),
        Decimal("NaN"),
        Decimal("-Infinity"),
        UUID(int=0),
        b"\x00\xff",
        {1, "1", (1, ("a", b"b"))},
        frozenset({frozenset(), Decimal(2)}),
    ]
    """Values that go wrong easily."""

    harmless: ClassVar[bool] = True
    """Whether any text may be read without running what it says. Pickle's may not."""

    def make(self) -> Serializer:
        """Return the serializer."""
        raise NotImplementedError

    def back(self, value: Any) -> Any:
        """Return what is read of what is written."""
        serializer = self.make()
        text = serializer.dumps(value)
        assert isinstance(text, str)
        text.encode()  # every database takes it
        assert "\x00" not in text
        return serializer.loads(text)

    def test_its_tag_is_one_character(self) -> None:
        assert len(self.make().tag) == 1
        assert self.make().tag.isalnum()

    def test_values_that_go_wrong_easily_come_back(self) -> None:
        for value in self.examples:
            assert shown(self.back(value)) == shown(value)

    @inherited
    @given(VALUES)
    def test_every_value_comes_back_as_it_was(self, value: Any) -> None:
        assert shown(self.back(value)) == shown(value)

    @inherited
    @given(TEXT)
    def test_other_text_is_refused_with_a_payload_error(self, text: str) -> None:
        if not self.harmless:
            raise unittest.SkipTest("capability harmless: it may only read what is signed")
        serializer = self.make()
        try:
            value = serializer.loads(text)
        except PayloadError:
            return
        serializer.dumps(value)  # it was one of its own

    @inherited
    @given(VALUES, some.integers(0, 200))
    def test_text_that_was_cut_short_is_refused(self, value: Any, length: int) -> None:
        serializer = self.make()
        text = serializer.dumps([value])
        if length >= len(text):
            return
        try:
            serializer.loads(text[:length])
        except PayloadError:
            return
        raise AssertionError(f"{text[:length]!r} was read")


__all__ = ["SerializerConformance"]
