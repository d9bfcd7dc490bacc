"""What IronMQ limits: sizes, delays, deliveries; and what others put there."""

from typing import Any

import pytest

from django_convoy.brokers.ironmq import IronMQBroker
from django_convoy.brokers.messages import BURIED, SUSPECTS, Added
from django_convoy.contracts.broker import Counts
from django_convoy.domain.envelope import NO_NOTE, Note
from django_convoy.domain.errors import PayloadError
from django_convoy.domain.verdict import DONE, Again, Bury
from tests.brokers.jobs import claim, job

pytestmark = pytest.mark.ironmq


def test_a_job_that_is_too_large_is_refused_when_it_is_pushed(broker: IronMQBroker) -> None:
    with pytest.raises(PayloadError, match=r"pass less.*max_message"):
        broker.push([job("q"), job("q", "x" * 70_000)])
    assert claim(broker) == []


def test_a_note_that_is_too_long_is_shortened(broker: IronMQBroker) -> None:
    broker.push([job("q", "x" * 60_000)])
    (lease,) = claim(broker)
    errors = tuple({"message": "x" * 1000, "attempt": number} for number in range(9))
    note = Note(errors=errors, failures=9, crashes=2, ended="y" * 300)
    assert broker.settle([(lease, Again(0, False, note))]) == [True]
    (lease,) = claim(broker)
    assert (lease.note.failures, lease.note.crashes, lease.note.errors) == (9, 2, ())
    assert lease.note.ended == "y" * 100


def test_no_delay_is_longer_than_a_week(broker: IronMQBroker, requests: Any) -> None:
    broker._add("q", [Added("{}", 8 * 86_400), Added("{}", 0.2), Added("{}", 0)])
    (body,) = [body for _, path, body in requests if path == "queues/q/messages"]
    assert [one.get("delay", 0) for one in body["messages"]] == [604_800, 1, 0]


def test_queues_that_are_made_keep_messages_for_a_month_and_others_stay_as_they_are(
    broker: IronMQBroker,
) -> None:
    broker._api._ask("PUT", "queues/other", {"queue": {"message_expiration": 3600}})
    broker.push([job("q"), job("other")])
    assert broker._api.queue("q")["message_expiration"] == 30 * 86_400
    assert broker._api.queue("other")["message_expiration"] == 3600


def dead_letters(broker: IronMQBroker, most: int) -> None:
    dead = {"dead_letter": {"queue_name": "dead", "max_reservations": most}}
    broker._api._ask("PUT", "queues/q", {"queue": dead})


def test_the_servers_limit_of_deliveries_holds_over_retries(
    broker: IronMQBroker, caplog: pytest.LogCaptureFixture
) -> None:
    dead_letters(broker, 2)
    broker.push([job("q")])
    for _ in range(2):
        (lease,) = claim(broker)
        broker.settle([(lease, Again(0, False, NO_NOTE))])
    assert claim(broker) == []
    assert "delivered 2 times, which is the limit of its queue" in caplog.text
    assert broker._api.size("dead") == 1
    assert broker.counts("q") == Counts(buried=1)


def test_dead_letters_are_shown(broker: IronMQBroker) -> None:
    dead_letters(broker, 7)
    broker.push([job("q")])
    shown = broker.info()
    assert "q: 1 messages, kept for 7 days; to dead after 7 reservations" in shown
    assert "token" not in shown


@pytest.mark.parametrize("body", ["", "no job", "[1,2]", '{"a": 1}', "\x00", "[" * 5000])
def test_what_is_no_job_is_set_aside(
    broker: IronMQBroker, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    broker._add("q", [Added(body)])
    broker.push([job("q")])
    assert len(claim(broker)) == 1
    assert broker.counts("q") == Counts(ready=1, buried=1)
    assert caplog.text.count("set aside") == 1
    (kept,) = broker._api.reserve("q" + BURIED, 9, 60)
    assert kept.body == body


def test_a_job_of_another_queue_is_set_aside(broker: IronMQBroker) -> None:
    broker._add("q", [Added(broker._packed(job("other")))])
    assert claim(broker) == []
    assert broker.counts("q").buried == 1


def test_a_purge_leaves_what_is_held_and_what_is_delayed(broker: IronMQBroker) -> None:
    broker.push([job("q") for _ in range(5)])
    leases = claim(broker, limit=2)
    broker.settle([(leases[1], Bury(NO_NOTE))])
    broker._add("q", [Added(broker._packed(job("q")), 60)])
    assert broker.purge("q") == 4
    assert broker.counts("q") == Counts(ready=2)
    assert broker.settle([(leases[0], DONE)]) == [True]


def test_a_queue_is_deleted_with_all_that_belongs_to_it(broker: IronMQBroker) -> None:
    broker.push([job("q") for _ in range(5)])
    leases = claim(broker, limit=2)
    broker.settle([(leases[1], Bury(NO_NOTE)), (leases[0], Again(0, False, Note(suspect=True)))])
    assert broker.delete("q") == 5
    assert [broker._api.queue("q" + kind) for kind in ("", SUSPECTS, BURIED)] == [None] * 3
    assert broker.delete("q") == 0
    broker.push([job("q")])
    assert len(claim(broker)) == 1
