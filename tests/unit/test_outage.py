"""An outage is told once, also if the server answers now and then while it goes down."""

import logging

import pytest

from django_convoy.worker import outage as module
from django_convoy.worker.outage import STEADY_SECONDS, Outage


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


Log = pytest.LogCaptureFixture


def test_an_answer_in_between_does_not_end_it(clock: Clock, caplog: Log) -> None:
    outage = Outage(logging.getLogger("test"))
    for _ in range(3):
        outage.failed("cut off: %s", "it is going down")
        clock.now += STEADY_SECONDS / 2
        outage.worked()
    assert caplog.messages == ["cut off: it is going down"]
    assert outage.is_open
    clock.now += STEADY_SECONDS
    outage.worked()
    outage.worked()
    assert caplog.messages[1:] == ["connected to the broker again, after 3.0 s"]
    assert not outage.is_open


def test_another_one_is_told_again(clock: Clock, caplog: Log) -> None:
    outage = Outage(logging.getLogger("test"))
    for why in ("first", "second"):
        outage.failed("cut off: %s", why)
        outage.worked()
        clock.now += STEADY_SECONDS
        outage.worked()
    assert [one for one in caplog.messages if "cut off" in one] == [
        "cut off: first",
        "cut off: second",
    ]


def test_two_who_notice_are_one_outage(clock: Clock, caplog: Log) -> None:
    outage = Outage(logging.getLogger("test"))
    outage.failed("cut off from the broker")
    outage.failed("cut off while settling")
    assert caplog.messages == ["cut off from the broker"]
