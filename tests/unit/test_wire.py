"""A job as one text comes back as it was, and nothing else is taken for one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_convoy.brokers.wire import pack, unpack
from django_convoy.domain.envelope import Envelope, Note
from django_convoy.domain.errors import PayloadError

TIMES = st.datetimes(timezones=st.just(UTC))
ENVELOPES = st.builds(
    Envelope,
    id=st.text(),
    queue=st.text(),
    task=st.text(),
    payload=st.text(),
    seal=st.text(),
    key_id=st.text(),
    priority=st.integers(-100, 100),
    enqueued_at=TIMES,
    due=st.none() | TIMES,
)
NOTES = st.builds(Note, workers=st.tuples(st.text()), failures=st.integers(0, 9), ended=st.text())
ONE = pack(Envelope("1", "q", "t", "{}", "s", "k", 0, datetime(2026, 1, 1, tzinfo=UTC)))


@given(ENVELOPES, st.integers(0, 1000), NOTES)
def test_what_is_packed_comes_back(envelope: Envelope, attempt: int, note: Note) -> None:
    assert unpack(pack(envelope, attempt, note)) == (envelope, attempt, note)


@given(st.binary() | st.text() | st.recursive(st.none(), st.lists).map(str))
def test_anything_else_is_refused_with_one_kind_of_error(hostile: str | bytes) -> None:
    with pytest.raises(PayloadError):
        unpack(hostile)


@pytest.mark.parametrize("length", range(0, len(ONE), 7))
def test_a_truncated_job_is_refused(length: int) -> None:
    with pytest.raises(PayloadError):
        unpack(ONE[:length])


@pytest.mark.parametrize("changed", ["[2,", "[1,2,", "[[" * 5000])
def test_a_changed_job_is_refused(changed: str) -> None:
    with pytest.raises(PayloadError):
        unpack(changed + ONE[3:])
