"""An outage is told once, also if the server answers now and then while it goes down."""

import logging

import pytest

from django_convoy.worker import outage as module
from django_convoy.worker.outage import STEADY_SECONDS, Outage


@pytest.mark.parametrize(("pause", "lines"), [(0.1, 1), (STEADY_SECONDS + 0.1, 2)])
def test_what_comes_back_at_once_is_the_same_outage(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, pause: float, lines: int
) -> None:
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    outage = Outage()
    with caplog.at_level(logging.INFO, logger="django_convoy.worker"):
        outage.begins("cut off: %s", "it is going down")
        now += 60
        outage.ends("connected again")
        now += pause
        outage.begins("cut off: %s", "it is gone")
        now += 1
        outage.ends("connected again")
    said = [record.getMessage() for record in caplog.records]
    assert sum(one.startswith("cut off") for one in said) == lines
    assert said[0] == "cut off: it is going down"
    assert said[-1] == "connected again"
