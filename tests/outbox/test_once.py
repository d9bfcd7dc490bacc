"""Where jobs are delivered at most once, the outbox sends none twice, whoever dies."""

import os

import pytest
from django.db import transaction

from django_convoy.brokers.redis_once import RedisOnceBroker
from django_convoy.domain.errors import BrokerUnavailable, PayloadError
from django_convoy.outbox.delivery import Delivery
from django_convoy.outbox.table import Table
from tests.api.tasks import add
from tests.working import work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.valkey]
ELSEWHERE = RedisOnceBroker.push


class Killed(BaseException):
    """As if the process ended here."""


@pytest.fixture
def once(use):
    """A site on Redis, at most once, which keeps no results."""

    def make(url=None, **options):
        broker = {
            "name": "redis",
            "url": url or os.environ["CONVOY_TEST_VALKEY"],
            "delivery": "at_most_once",
            "prefix": "once",
        }
        return use(broker=broker, store="none", **options)

    site = make()
    site.runtime.shared.broker.delete("default")
    yield make
    make().runtime.shared.broker.delete("default")


def committed():
    with transaction.atomic():
        return add.enqueue(1).id


def left_by_a_crash(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Delivery, "__call__", lambda self: None)
        return committed()


def dies(monkeypatch, what, *, before):
    """Whoever does this dies before or after it, until `monkeypatch.undo()`."""
    owner, name = what
    original = getattr(owner, name)

    def call(self, *args):
        if before:
            raise Killed
        original(self, *args)
        raise Killed

    monkeypatch.setattr(owner, name, call)


SENDS = {"push": (RedisOnceBroker, "push"), "withdraw": (Table, "withdraw")}


@pytest.mark.parametrize("by_whom", ["its caller", "a steward"])
@pytest.mark.parametrize(
    ("what", "before", "runs"),
    [("withdraw", True, 1), ("withdraw", False, 0), ("push", True, 0), ("push", False, 1)],
)
def test_who_dies_at_any_step_of_sending_loses_a_job_and_doubles_none(
    once, monkeypatch, by_whom, what, before, runs
):
    elsewhere = once()
    if by_whom == "a steward":
        left_by_a_crash(monkeypatch)
        elsewhere.leave_for_good()
    dies(monkeypatch, SENDS[what], before=before)
    with pytest.raises(Killed):
        if by_whom == "a steward":
            elsewhere.sweep()
        else:
            committed()
    monkeypatch.undo()
    ran = work()
    elsewhere.leave_for_good()
    elsewhere.sweep()
    assert len(ran + work()) == runs
    assert elsewhere.rows() == []


def test_what_a_steward_took_meanwhile_is_not_sent_by_its_caller_as_well(once, monkeypatch):
    elsewhere = once()
    send = Delivery._send

    def late(self, jobs):  # it stood still for longer than its rows were its own
        elsewhere.leave_for_good()
        elsewhere.sweep()
        sent.extend(work())
        send(self, jobs)

    sent = []
    monkeypatch.setattr(Delivery, "_send", late)
    job_id = committed()
    assert (sent, work()) == ([job_id], [])


def test_a_job_whose_answer_was_lost_is_not_sent_again(once, monkeypatch, caplog):
    elsewhere = once(outbox={"fallback": True})

    def unanswered(self, envelopes):
        ELSEWHERE(self, envelopes)
        raise BrokerUnavailable("no answer within 5 s")

    with monkeypatch.context() as patch:
        patch.setattr(RedisOnceBroker, "push", unanswered)
        with pytest.raises(BrokerUnavailable):
            add.enqueue(1)  # not in a transaction: no fallback
        committed()
        assert "is lost, unless its broker got it" in caplog.text
        assert "wait in the outbox" not in caplog.text
        left_by_a_crash(monkeypatch)
        elsewhere.leave_for_good()
        with pytest.raises(BrokerUnavailable):
            elsewhere.sweep()
    assert elsewhere.rows() == []
    assert len(work()) == 3


def test_a_job_that_cannot_have_arrived_waits(once, monkeypatch):
    elsewhere = once(url="redis://127.0.0.1:9/0", outbox={"fallback": True})
    ids = [committed(), add.enqueue(1).id, left_by_a_crash(monkeypatch)]
    elsewhere.leave_for_good()
    with pytest.raises(BrokerUnavailable):
        elsewhere.sweep()
    assert [row.id for row in elsewhere.rows()] == sorted(ids)
    with pytest.raises(BrokerUnavailable):
        elsewhere.runtime.shared.view.revive(ids[0])
    elsewhere = once(outbox={"fallback": True})
    assert elsewhere.runtime.shared.view.revive(ids[1])
    elsewhere.leave_for_good()
    elsewhere.sweep()
    assert sorted(work()) == sorted(ids)


def test_a_refused_job_holds_up_no_other(once, monkeypatch):
    elsewhere = once()
    bad, good = left_by_a_crash(monkeypatch), left_by_a_crash(monkeypatch)

    def choosy(self, envelopes):
        if bad in [one.id for one in envelopes]:
            raise PayloadError("not this one")
        ELSEWHERE(self, envelopes)

    with monkeypatch.context() as patch:
        patch.setattr(RedisOnceBroker, "push", choosy)
        elsewhere.leave_for_good()
        elsewhere.sweep()
    assert work() == [good]
    assert "its broker refused it" in elsewhere.find(bad).note.waiting
    assert elsewhere.runtime.shared.view.revive(bad)
    assert work() == [bad]
