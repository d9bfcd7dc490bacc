"""The JSON that jobs are written in: plain where it can be, and refused with the place."""

import decimal
import enum
import json
from collections import OrderedDict, namedtuple
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as some

from django_convoy.domain.errors import ObjectGone, PayloadError
from django_convoy.serializers.json import JSONSerializer
from tests.app.models import Note

dumps, loads = JSONSerializer().dumps, JSONSerializer().loads
Point = namedtuple("Point", "x y")
PLAIN = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(some.characters(codec="utf-8")),
    lambda inner: (
        some.lists(inner)
        | some.dictionaries(
            some.text(some.characters(codec="utf-8")).filter(lambda k: k != "$"), inner
        )
    ),
)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    YES = "yes"


@given(PLAIN)
def test_what_is_plain_json_stays_plain(value):
    assert json.loads(dumps(value)) == value
    assert loads(json.dumps(value)) == value


def test_arguments_can_be_read_with_plain_sql():
    assert dumps({"args": [1, "Zoë"], "kwargs": {"on": True}}) == (
        '{"args":[1,"Zoë"],"kwargs":{"on":true}}'
    )


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ((1, (2,)), [1, [2]]),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Word.YES, "yes"),
        ({Word.YES: 1}, {"yes": 1}),
        (Point(1, 2), [1, 2]),
        (OrderedDict(a=1), {"a": 1}),
        (mark_safe("<b>"), "<b>"),
        ({Point(1, 2)}, {(1, 2)}),
    ],
    ids=repr,
)
def test_what_derives_from_plain_values_is_carried_as_those(value, read):
    found = loads(dumps(value))
    assert (found, type(found)) == (read, type(read))


def loop():
    inner = {"again": []}
    inner["again"].append(inner)
    return [1, inner]


REFUSED = [
    ({"a": [object()]}, r"^it\['a'\]\[0\] is a builtins.object, .*serializer: pickle"),
    ([{1: 2}], r"^it\[0\] has the key 1: JSON has only text as keys"),
    ({"a": {None: 2}}, r"^it\['a'\] has the key None"),
    ([{}, {"x": float("nan")}], r"^it\[1\]\['x'\] is NaN, which JSON does not have"),
    ((1.0, float("-inf")), r"^it\[1\] is -inf"),
    (loop(), r"^it\[1\]\['again'\]\[0\] contains itself"),
    (["a", "b\ud800"], r"^it\[1\] has lone surrogates"),
    ({"\udfff": 1}, r"^it\.keys\['\\udfff'\] has lone surrogates"),
    ({"n": 10**5000}, r"^it\['n'\] is a number of more than 4300 digits"),
    ([1j], r"^it\[0\] is a builtins.complex"),
    ([{"f": len}], r"^it\[0\]\['f'\] is a builtins.builtin_function_or_method"),
    ({(1, object())}, r"^a member of it is a builtins.object"),
    (gettext_lazy("hello"), r"^it is a django.utils.functional"),
    (Note(text="x"), r"^it is a testapp.Note that is not saved"),
    ([Note(pk=7)], r"^it\[0\] is a testapp.Note that is not saved"),
]


@pytest.mark.parametrize(("value", "told"), REFUSED, ids=[told for _, told in REFUSED])
def test_what_json_cannot_carry_is_refused_with_its_place(value, told):
    with pytest.raises(PayloadError, match=told):
        dumps(value)


def test_what_is_nested_too_deeply_is_refused():
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(PayloadError, match="nested too deeply"):
        dumps(value)
    with pytest.raises(PayloadError):
        loads("[" * 100_000 + "]" * 100_000)


def test_the_same_object_twice_is_no_loop():
    part = [1]
    assert loads(dumps([part, {"a": part}, part])) == [[1], {"a": [1]}, [1]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "nul",
        "NaN",
        "-Infinity",
        "[1,]",
        "{} x",
        '{"$":"unheard"}',
        '{"$":"unheard","value":1}',
        '{"$":["x"],"value":1}',
        '{"$":"date"}',
        '{"$":"date","value":"tomorrow"}',
        '{"$":"date","value":{"a":1}}',
        '{"$":"decimal","value":"x"}',
        '{"$":"uuid","value":7}',
        '{"$":"timedelta","value":[1e308,1,1]}',
        '{"$":"datetime","value":["2026-01-01","Nowhere/At-All",0]}',
        '{"$":"datetime","value":["2026-01-01T00:00:00","../../etc/passwd",0]}',
        '{"$":"set","value":[[]]}',
        '{"$":"model","value":["no.Model","1","default"]}',
        '{"$":"model","value":["auth","1","default"]}',
        '{"$":"model","value":[]}',
        '{"$":"bytes","value":"\u00fc"}',
    ],
)
def test_what_convoy_did_not_write_is_refused_with_a_payload_error(text):
    with pytest.raises(PayloadError):
        loads(text)


def test_nine_in_the_morning_stays_nine_in_the_morning():
    nine = datetime(2027, 7, 1, 9, tzinfo=ZoneInfo("Europe/Paris"))
    found = loads(dumps(nine))
    assert found.tzinfo is nine.tzinfo
    assert found.isoformat() == "2027-07-01T09:00:00+02:00"


def test_decimals_keep_their_digits_whatever_the_context():
    with decimal.localcontext(prec=3):
        assert str(loads(dumps(decimal.Decimal("1.2345678900")))) == "1.2345678900"


@pytest.mark.django_db
class TestModels:
    """Instances are carried as references, and read again."""

    def test_a_reference_is_read_again(self):
        note = Note.objects.create(text="before")
        text = dumps([note])
        Note.objects.update(text="after")
        (found,) = loads(text)
        assert (found, found.text) == (note, "after")
        assert "before" not in text

    def test_what_is_gone_is_said_to_be_gone(self):
        note = Note.objects.create()
        text = dumps({"note": note})
        note.delete()
        with pytest.raises(ObjectGone, match=r"testapp.Note with primary key \d+ no longer exists"):
            loads(text)

    def test_a_reference_says_in_which_database(self):
        note = Note.objects.create()
        note._state.db = "archive"
        with pytest.raises(PayloadError, match="archive"):
            loads(dumps(note))

    def test_models_of_other_apps_and_keys_of_other_types(self, django_user_model):
        user = django_user_model.objects.create(username="Zoë")
        assert loads(dumps({user})) == {user}
