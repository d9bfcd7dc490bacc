"""What a job is as a message: its name on the server, its text, its size, its past."""

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_convoy.brokers.sqs_messages import Outgoing, Writer, batches, read
from django_convoy.brokers.sqs_queues import server_name
from django_convoy.domain.envelope import NO_NOTE, Note
from django_convoy.domain.errors import PayloadError
from tests.sqs.jobs import job

ALLOWED = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
"""The characters that SQS takes, as its documentation says."""
QUEUE = "mail"


def received(out: Outgoing, times: int = 1, first: float = 0.0) -> dict[str, Any]:
    """The message as it comes back. times: how often it was received, this time included."""
    return {
        "Body": out.body,
        "ReceiptHandle": "handle",
        "Attributes": {
            "ApproximateReceiveCount": str(times),
            "ApproximateFirstReceiveTimestamp": str(int((first or time.time()) * 1000)),
        },
        "MessageAttributes": dict(out.attributes),
    }


def writer(fifo: bool = False, group: str = "job", most: int = 2**20) -> Writer:
    return Writer(fifo, group, most)


@given(st.text(st.characters(exclude_categories=())))
def test_every_text_is_one_that_sqs_takes_and_comes_back(payload: str) -> None:
    envelope = job(QUEUE, payload=payload)
    out = writer().fresh(envelope)
    assert ALLOWED.fullmatch(out.body)
    assert out.size == len(out.body.encode())
    assert read(received(out), QUEUE, 0.0).envelope == envelope


def test_plain_names_stay_and_others_get_digits() -> None:
    assert server_name("mail", "convoy-") == "convoy-mail"
    assert server_name("mail_2-a", "") == "mail_2-a"
    odd = ["a:b", "a.b", "a-b-buried", "b" * 90, "x:" + "b" * 90, "x:" + "b" * 89 + "c"]
    names = [server_name(one, "convoy-") for one in odd]
    assert len(set(names)) == len(odd)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_-]+", name)
        assert len(name + "-buried.fifo") <= 80


def test_a_job_that_is_too_large_is_refused_with_what_to_do() -> None:
    small = writer(most=32 * 1024)
    small.fresh(job(QUEUE, payload="x" * (23 * 1024)))
    with pytest.raises(PayloadError) as caught:
        small.fresh(job(QUEUE, payload="x" * (24 * 1024)))
    for told in ("shop.tasks.ship", "24,576", "max_message=32,768", "Pass less"):
        assert told in str(caught.value)


def test_what_is_remembered_is_shortened_until_it_fits() -> None:
    errors = tuple(
        {"exception_class_path": "E", "message": "m" * 2000, "traceback": "t" * 20_000}
        for _ in range(50)
    )
    note = Note(errors=errors, failures=50, workers=("w" * 100,) * 200, crashes=2)
    envelope = job(QUEUE, payload="x" * (24 * 1024 - 1000))
    out = writer(most=32 * 1024).again(envelope, 50, note, 0.0, "handle")
    assert out.size <= 32 * 1024
    back = read(received(out), QUEUE, 0.0)
    assert (back.envelope, back.note.failures, back.note.crashes) == (envelope, 50, 2)
    roomy = writer().again(envelope, 50, note, 0.0, "handle")
    assert read(received(roomy), QUEUE, 0.0).note.failures == 50
    assert roomy.size < 2**20


@given(st.lists(st.integers(1, 1000), max_size=60))
def test_batches_keep_to_both_limits_and_to_the_order(sizes: list[int]) -> None:
    messages = [Outgoing(str(n), size, 0, "", "", {}) for n, size in enumerate(sizes)]
    made = list(batches(messages, 10, 1000))
    assert [one for batch in made for one in batch] == messages
    assert all(len(batch) <= 10 and sum(one.size for one in batch) <= 1000 for batch in made)


@pytest.mark.parametrize(
    ("suspect", "times", "expected"),
    [
        (False, 1, (1, False, 0)),
        (False, 2, (2, True, 0)),
        (False, 3, (3, True, 1)),
        (True, 1, (1, True, 0)),
        (True, 2, (2, True, 1)),
    ],
)
def test_a_second_receipt_tells_of_a_lease_that_lapsed(
    suspect: bool, times: int, expected: tuple[int, bool, int]
) -> None:
    out = writer().again(job(QUEUE), 0, Note(suspect=suspect), 0.0, "handle")
    lease = read(received(out, times), QUEUE, 0.0).lease
    assert (lease.attempt, lease.note.suspect, lease.note.crashes) == expected
    assert bool(lease.note.ended) == (times > 1)


def test_delays_are_the_servers_up_to_a_quarter_of_an_hour() -> None:
    out = writer().again(job(QUEUE), 1, NO_NOTE, 12.1, "handle")
    assert (out.delay, out.attributes) == (13, {})
    out = writer().again(job(QUEUE), 1, NO_NOTE, 3600, "handle")
    assert out.delay == 900
    late = time.time() + 900
    assert 2690 < read(received(out, 1, late), QUEUE, late).pause < 2710


def test_what_came_too_early_has_not_lapsed() -> None:
    out = writer(fifo=True).again(job(QUEUE), 1, NO_NOTE, 30, "handle")
    assert out.delay == 0
    early = read(received(out), QUEUE, time.time())
    assert 28 < early.pause <= 31
    before = time.time() - 60
    out = writer(fifo=True).again(job(QUEUE), 1, NO_NOTE, 0.001, "handle")
    time.sleep(0.01)
    due = read(received(out, 2, before), QUEUE, time.time())
    assert (due.pause, due.lease.attempt, due.note.suspect) == (0.0, 2, False)
    lapsed = read(received(out, 3, before), QUEUE, time.time())
    assert (lapsed.lease.attempt, lapsed.note.suspect) == (3, True)


def test_groups_and_identities_are_what_fifo_queues_need() -> None:
    envelope = job(QUEUE)
    assert writer(True).fresh(envelope).group == envelope.id
    assert writer(True, "task").fresh(envelope).group == "shop.tasks.ship"
    assert writer(True, "queue").fresh(envelope).group == "queue"
    long = writer(True, "task").fresh(job(QUEUE, task="ü" * 200)).group
    assert len(long) <= 128 and long.isascii()
    fresh, again = writer(True).fresh(envelope), writer(True).again(envelope, 1, NO_NOTE, 0, "a")
    other = writer(True).again(envelope, 1, NO_NOTE, 0, "b")
    assert len({fresh.dedup, again.dedup, other.dedup}) == 3
    assert again.dedup == writer(True).again(envelope, 1, NO_NOTE, 0, "a").dedup


@pytest.mark.parametrize("body", ["", "hello", "[]", "[1,2,3]", '{"a":1}', "[" * 9000, "null"])
def test_what_is_no_job_is_told_apart(body: str) -> None:
    with pytest.raises(PayloadError):
        read({"Body": body, "ReceiptHandle": "h"}, QUEUE, 0.0)
    with pytest.raises(PayloadError, match="queue 'other'"):
        read(received(writer().fresh(job("other"))), QUEUE, 0.0)
