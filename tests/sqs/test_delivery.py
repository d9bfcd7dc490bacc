"""Sending, receiving and holding: batches, sizes, delays, leases of twelve hours, waiting."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from django_convoy.brokers import sqs_messages
from django_convoy.brokers.sqs import SqsBroker
from django_convoy.brokers.sqs_client import SqsClient
from django_convoy.contracts.broker import Counts
from django_convoy.domain.envelope import NO_NOTE, Note
from django_convoy.domain.errors import PayloadError
from django_convoy.domain.renewal import Renewal
from django_convoy.domain.verdict import DONE, Again
from tests.sqs.jobs import claim, job

pytestmark = pytest.mark.sqs
Make = Callable[..., SqsBroker]
FOREVER = 600.0


def test_what_is_too_much_for_one_request_is_split(make: Make, queue: str) -> None:
    broker = make()
    envelopes = [job(queue, payload=f'"{"x" * 200_000}"') for _ in range(12)]
    broker.push(envelopes)
    assert sorted(one.id for one in claim(broker, queue, limit=20)) == [one.id for one in envelopes]


def test_nothing_is_sent_of_a_batch_with_a_job_that_is_too_large(make: Make, queue: str) -> None:
    broker = make()
    with pytest.raises(PayloadError, match="max_message=1,048,576"):
        broker.push([job(queue), job(queue, payload="x" * 2**20), job(queue)])
    assert broker.counts(queue) == Counts()


def test_a_job_as_large_as_can_be_is_retried_with_a_shorter_note(make: Make, queue: str) -> None:
    broker = make()
    most = broker.capabilities.max_body or 0
    broker.push([job(queue, payload="x" * (most - 500))])
    (lease,) = claim(broker, queue)
    error = {"exception_class_path": "E", "message": "no", "traceback": "t" * 20_000}
    note = Note(errors=(error, error), failures=2)
    assert broker.settle([(lease, Again(0, False, note))]) == [True]
    (again,) = claim(broker, queue)
    assert (again.envelope, again.note.failures) == (lease.envelope, 2)
    assert [one["message"] for one in again.note.errors] == ["no", "no"]


def test_control_characters_do_not_reach_the_server(make: Make, server: Any, queue: str) -> None:
    broker = make()
    payload = "".join(map(chr, range(32))) + "\x7f\ufffe\uffff\ud800 é 🚚"
    broker.push([job(queue, payload=payload)])
    url = server.get_queue_url(QueueName=f"convoy-{queue}")["QueueUrl"]
    (message,) = server.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    assert all(one >= " " and one not in "\ufffe\uffff" for one in message["Body"])
    (lease,) = claim(broker, queue)
    assert lease.envelope.payload == payload


def test_a_delay_beyond_what_the_server_holds_is_held(
    make: Make, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqs_messages, "LONGEST_DELAY", 1)  # a quarter of an hour, in truth
    broker = make()
    due = job(queue, delay=3)
    broker.push([due])
    assert claim(broker, queue, wait=1.9) == []
    (lease,) = claim(broker, queue, wait=FOREVER)
    assert due.due is not None
    assert due.due.timestamp() <= time.time()
    assert (lease.envelope, lease.attempt, lease.note) == (due, 1, NO_NOTE)


def test_a_pause_on_a_fifo_queue_is_kept(make: Make, queue: str) -> None:
    broker = make(fifo=True)
    broker.push([job(queue)])
    (lease,) = claim(broker, queue)
    broker.settle([(lease, Again(2, False, Note(failures=1)))])
    assert claim(broker, queue) == []
    (again,) = claim(broker, queue, wait=FOREVER)
    assert (again.attempt, again.note) == (2, Note(failures=1))
    broker.settle([(again, DONE)])
    assert broker.counts(queue) == Counts()


@pytest.mark.parametrize(("group", "expected"), [("job", 2), ("queue", 0)])
def test_a_group_is_run_one_after_another(
    make: Make, queue: str, group: str, expected: int
) -> None:
    broker = make(fifo=True, group=group)
    pushed = [job(queue) for _ in range(4)]
    broker.push(pushed)
    first = claim(broker, queue, limit=2)
    if group == "queue":
        assert [one.id for one in first] == [one.id for one in pushed[:2]]
    assert len(claim(make(fifo=True, group=group), queue)) == expected
    broker.settle([(one, DONE) for one in first])
    assert len(claim(broker, queue)) == 2 - expected


def test_a_job_that_was_sent_twice_is_one_on_a_fifo_queue(make: Make, queue: str) -> None:
    broker, envelope = make(fifo=True), job(queue)
    broker.push([envelope])
    broker.push([envelope])
    assert broker.counts(queue) == Counts(ready=1)


def test_no_lease_is_longer_than_twelve_hours(make: Make, queue: str) -> None:
    broker = make()
    broker.push([job(queue), job(queue)])
    over, nearly = claim(broker, queue)
    half_a_day = 12 * 3600

    def since(lease: Any, seconds: float) -> Any:
        receipt = lease.token.partition(":")[2]
        return replace(lease, token=f"{time.time() - seconds:.0f}:{receipt}")

    leases = [since(over, half_a_day + 1), since(nearly, half_a_day - 2)]
    assert broker.renew(leases, lease=3600) == [Renewal.LOST, Renewal.HELD]
    # What is left of the twelve hours is all that it is held for.
    (again,) = claim(make(), queue, wait=FOREVER)
    assert again.id == nearly.id


def test_what_the_server_refuses_to_hold_is_lost_and_others_are_not(make: Make, queue: str) -> None:
    broker = make()
    broker.push([job(queue) for _ in range(3)])
    leases = claim(broker, queue)
    gone = replace(leases[1], token=f"{time.time():.0f}:no-such-receipt")
    expected = [Renewal.HELD, Renewal.LOST, Renewal.HELD]
    assert broker.renew([leases[0], gone, leases[2]], lease=60) == expected
    # This server counts from when a job was sent, and refuses all for one.
    time.sleep(1.1)
    longest = [replace(one, token=f"{time.time():.0f}:{one.token[11:]}") for one in leases]
    assert broker.renew([longest[0]], lease=90_000) == [Renewal.LOST]
    assert set(broker.renew(longest, lease=90_000)) == {Renewal.LOST}
    assert set(broker.renew(longest, lease=60)) == {Renewal.HELD}


def test_a_job_whose_text_is_not_known_comes_again_as_it_is(make: Make, queue: str) -> None:
    broker, envelope = make(), job(queue)
    broker.push([envelope])
    (lease,) = claim(broker, queue)
    unread = replace(lease, envelope=replace(lease.envelope, payload=""))
    assert broker.settle([(unread, Again(0.5, True, NO_NOTE))]) == [True]
    (again,) = claim(broker, queue, wait=FOREVER)
    assert (again.envelope, again.attempt, again.note.suspect) == (envelope, 2, True)


def test_nobody_waits_for_one_queue_before_the_next(make: Make, queue: str) -> None:
    broker, claimed = make(wait=20), list[Any]()
    names = [f"{queue}-{n}" for n in range(4)]
    thread = threading.Thread(target=lambda: claimed.extend(claim(broker, *names, wait=FOREVER)))
    thread.start()
    thread.join(1.5)
    began = time.monotonic()
    make().push([job(names[3])])
    thread.join()
    assert time.monotonic() - began < 15  # no poll has ended meanwhile
    assert [one.envelope.queue for one in claimed] == [names[3]]


def test_what_a_poll_brings_when_nobody_waits_any_more_goes_back(make: Make, queue: str) -> None:
    broker, other = make(wait=20), make()
    names = (f"{queue}-a", f"{queue}-b")
    thread = threading.Thread(target=lambda: claim(broker, *names, wait=FOREVER))
    thread.start()
    thread.join(1.0)
    other.push([job(names[0])])
    thread.join()  # and the poll of the second queue goes on
    other.push([job(names[1])])
    (lease,) = claim(other, names[1], wait=FOREVER)
    assert (lease.attempt, lease.note) == (1, NO_NOTE)


def test_what_a_poll_brings_late_is_what_the_next_claim_gets(make: Make, queue: str) -> None:
    broker, other = make(wait=20), make()
    names = (f"{queue}-a", f"{queue}-b")
    thread = threading.Thread(target=lambda: claim(broker, *names, wait=FOREVER))
    thread.start()
    thread.join(1.0)
    other.push([job(names[0])])
    thread.join()
    other.push([job(names[1])])
    (lease,) = claim(broker, *names, wait=FOREVER)
    assert (lease.envelope.queue, lease.attempt) == (names[1], 1)


def test_more_suspects_than_one_are_put_off_without_a_charge(make: Make, queue: str) -> None:
    broker = make()
    broker.push([job(queue) for _ in range(8)])
    claim(broker, queue, lease=1)
    ready = job(queue)
    time.sleep(1.2)
    broker.push([ready])
    never = broker.claim([queue], limit=20, lease=60, worker="w", may_suspect=lambda: False)
    assert [one.id for one in never] == [ready.id]
    seen = [claim(broker, queue, limit=20, wait=FOREVER) for _ in range(8)]
    assert [len(leases) for leases in seen] == [1] * 8
    assert {(one.attempt, one.note.crashes) for (one,) in seen} == {(2, 0)}


def test_who_may_run_no_suspect_leaves_them_to_others(
    make: Make, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = make()
    broker.push([job(queue) for _ in range(4)])
    claim(broker, queue, lease=1)
    time.sleep(1.2)
    asked, call = list[str](), SqsClient.call

    def counted(client: SqsClient, verb: str, *args: Any, **parameters: Any) -> Any:
        asked.append(verb)
        return call(client, verb, *args, **parameters)

    monkeypatch.setattr(SqsClient, "call", counted)
    never = broker.claim(
        [queue], limit=20, lease=60, worker="w", wait=1.5, may_suspect=lambda: False
    )
    assert never == []
    assert asked.count("receive_message") == 1
    assert claim(broker, queue, wait=FOREVER)[0].note.suspect


def test_a_signal_ends_the_wait(make: Make, queue: str) -> None:
    broker = make(wait=20)
    claim(broker, queue)

    def interrupt(*_: Any) -> None:
        broker.interrupt()

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        assert claim(broker, queue, wait=FOREVER) == []
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_broker_may_be_used_on_both_sides_of_a_fork(make: Make, queue: str) -> None:
    broker = make()
    broker.push([job(queue) for _ in range(30)])
    assert len(claim(broker, queue, limit=15)) == 15
    pid = os.fork()
    if not pid:
        try:
            os._exit(0 if len(claim(broker, queue, limit=20, wait=2)) == 15 else 3)
        finally:
            os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert broker.counts(queue) == Counts(leased=30)
