"""JSON that stays plain where it can, with a tag for what JSON does not have.

`{"$": "decimal", "value": "1.10"}`. A dict that has the key "$" itself is written
as `{"$": "dict", "value": [[key, value], ...]}`, so that nothing is taken for a tag.
"""

import base64
import json
import uuid
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.connection import ConnectionDoesNotExist

from django_convoy.contracts.serializer import Serializer
from django_convoy.domain.errors import ObjectGone, PayloadError
from django_convoy.serializers.complaint import complaint

TAG = "$"
_MISREAD = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
_TEXT = frozenset({str})
_PLAIN = frozenset({str, int, float, bool, type(None)})


def _write_time(value: datetime | time) -> Any:
    # The offset alone would turn "09:00 in Paris" into another time of day next summer.
    zone = value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) else None
    if zone is not None:
        return [value.replace(tzinfo=None).isoformat(), zone, value.fold]
    return [value.isoformat(), None, value.fold] if value.fold else value.isoformat()


def _read_time(read: Callable[[str], Any]) -> Callable[[Any], Any]:
    def reader(value: Any) -> Any:
        if isinstance(value, str):
            return read(value)
        text, zone, fold = value
        found = read(text).replace(fold=fold)
        return found if zone is None else found.replace(tzinfo=ZoneInfo(zone))

    return reader


def _write_model(value: models.Model, place: str) -> Any:
    if value.pk is None or value._state.adding:
        label = value._meta.label
        raise PayloadError(f"{place} is a {label} that is not saved; save it, and pass it then")
    key = value._meta.pk.value_to_string(value)
    return [value._meta.label, key, value._state.db or "default"]


def _read_model(value: Any) -> models.Model:
    label, key, alias = value
    try:
        model = apps.get_model(label)
    except LookupError:
        raise PayloadError(f"there is no model {label} in this code") from None
    try:
        return model._base_manager.using(alias).get(pk=key)  # type: ignore[no-any-return]
    except model.DoesNotExist:
        raise ObjectGone(f"{label} with primary key {key} no longer exists") from None
    except (ConnectionDoesNotExist, ValidationError) as error:
        raise PayloadError(f"{label} with primary key {key}: {error}") from None


_WRITERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    datetime: ("datetime", _write_time),
    date: ("date", date.isoformat),
    time: ("time", _write_time),
    timedelta: ("timedelta", lambda v: [v.days, v.seconds, v.microseconds]),
    Decimal: ("decimal", str),
    uuid.UUID: ("uuid", str),
    bytes: ("bytes", lambda v: base64.b64encode(v).decode("ascii")),
}
_READERS: dict[str, Callable[[Any], Any]] = {
    "datetime": _read_time(datetime.fromisoformat),
    "date": date.fromisoformat,
    "time": _read_time(time.fromisoformat),
    "timedelta": lambda v: timedelta(*v),
    "decimal": Decimal,
    "uuid": uuid.UUID,
    "bytes": base64.b64decode,
    "set": set,
    "frozenset": frozenset,
    "tuple": tuple,
    "dict": dict,
    "model": _read_model,
}


def _is_plain(value: Any) -> bool:
    """Return whether nothing in it needs `plain`, as in nearly every call; without the work of
    naming places."""
    kind = type(value)
    if kind is dict:
        if TAG in value or not _TEXT.issuperset(map(type, value)):
            return False
        value = value.values()
    elif kind is not list and kind is not tuple:
        return kind in _PLAIN
    return _PLAIN.issuperset(map(type, value)) or all(map(_is_plain, value))


def plain(value: Any, place: str) -> Any:
    """Return the value made of what JSON has. Raises PayloadError that names its place."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is list or kind is tuple:
        return [plain(one, f"{place}[{index}]") for index, one in enumerate(value)]
    if kind is dict:
        for key in value:
            if type(key) is not str and not isinstance(key, str):
                raise PayloadError(
                    f"{place} has the key {key!r}: JSON has only text as keys. "
                    "Pass a list of pairs, or use str keys"
                )
        if TAG in value:
            pairs = [[key, plain(one, f"{place}[{key!r}]")] for key, one in value.items()]
            return {TAG: "dict", "value": pairs}
        return {key: plain(one, f"{place}[{key!r}]") for key, one in value.items()}
    if kind in _WRITERS:
        name, write = _WRITERS[kind]
        return {TAG: name, "value": write(value)}
    if kind is set or kind is frozenset:
        return {TAG: kind.__name__, "value": [_member(one, place) for one in value]}
    return _plain_by_base(value, place)


def _member(value: Any, place: str) -> Any:
    """Members of a set must come back hashable, so a tuple there stays a tuple."""
    if isinstance(value, tuple):
        return {TAG: "tuple", "value": [_member(one, place) for one in value]}
    return plain(value, f"a member of {place}")


def _plain_by_base(value: Any, place: str) -> Any:
    """Handle subclasses: enums by value, others as what they derive from."""
    if isinstance(value, Enum):
        return plain(value.value, place)
    if isinstance(value, models.Model):
        return {TAG: "model", "value": _write_model(value, place)}
    if isinstance(value, str | int | float):
        if isinstance(value, str):
            return str.__str__(value)
        return int(value) if isinstance(value, int) else float(value)
    bases: tuple[type[Any], ...] = (dict, list, tuple, *_WRITERS, set, frozenset)
    for base in bases:
        if isinstance(value, base):
            if base in _WRITERS:
                name, write = _WRITERS[base]
                return {TAG: name, "value": write(value)}
            return plain(base(value), place)
    raise PayloadError(
        f"{place} is a {type(value).__module__}.{type(value).__qualname__}, which JSON cannot "
        "carry. Pass plain values (a primary key, a path), or use serializer: pickle"
    )


def _untag(data: dict[str, Any]) -> Any:
    name = data.get(TAG)
    if name is None:
        return data
    reader = _READERS.get(name)
    if reader is None:
        raise PayloadError(f"the job carries a {name!r}, which this release does not know")
    return reader(data["value"])


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_make: Any = json.encoder.c_make_encoder  # type: ignore[attr-defined]  # None without C
_chunks = _make and _make(
    None, _ENCODER.default, json.encoder.encode_basestring, None, ":", ",", False, False, False
)


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_scan = json.JSONDecoder(parse_constant=_constant).scan_once  # type: ignore[attr-defined]  # documented only in code
_decode_tagged = json.JSONDecoder(object_hook=_untag, parse_constant=_constant).decode


def _decode_plain(text: str) -> Any:
    """Decode without looking for white space around, which we never write."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        raise ValueError("it is not JSON") from None
    if end != len(text):
        raise ValueError("something follows the JSON")
    return value


class JSONSerializer(Serializer):
    """JSON with dates, decimals, UUIDs, bytes, sets and references to model instances."""

    tag = "j"

    def dumps(self, value: Any) -> str:
        """Return JSON. Tuples become lists."""
        try:
            made = value if _is_plain(value) else plain(value, "it")
            # Made once: `json.dumps` makes an encoder for each call.
            text = "".join(_chunks(made, 0)) if _chunks else _ENCODER.encode(made)
            if not text.isascii():
                text.encode()  # lone surrogates
        except (RecursionError, ValueError):
            raise PayloadError(complaint(value)) from None
        return text

    def loads(self, text: str) -> Any:
        """Return the value."""
        try:
            return _decode_plain(text) if self.is_inert(text) else _decode_tagged(text)
        except PayloadError:
            raise
        except _MISREAD as error:
            raise PayloadError(f"this is not what Convoy wrote: {error}") from None

    def is_inert(self, text: str) -> bool:
        """Return whether no tag is in it; one may stand for a row of the database."""
        return '"$"' not in text
