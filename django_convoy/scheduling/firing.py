"""Fires what is due: the job, the firing's key and the row's advance in one transaction.

Several stewards do this side by side: whoever locked a row first fires it, the others skip it.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django_convoy.core.codec import Codec
from django_convoy.domain import ids
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import BrokerUnavailable, ConvoyError
from django_convoy.scheduling.calls import jobs, rule_of
from django_convoy.scheduling.deciding import ALLOW, Decision, decide
from django_convoy.scheduling.table import PRUNE_EACH, Advance, Fired, Row, Table

logger = logging.getLogger("django_convoy.schedules")
BATCH = 200
LONGEST_PAUSE = 300.0
"""Seconds between two attempts of a schedule that cannot be fired; they begin with one."""


@dataclass(slots=True)
class Step:
    """What one pass writes."""

    envelopes: list[Envelope] = field(default_factory=list)
    firings: list[Fired] = field(default_factory=list)
    advances: list[Advance] = field(default_factory=list)
    crowded: list[int] = field(default_factory=list)
    """Schedules whose oldest firings are to be forgotten."""


class Firing:
    """Fires the schedules of one site.

    push: brings jobs to the broker, together with what is written to the table. is_over: whether
    a job has ended. find: raises for a task that this code does not have.
    """

    def __init__(
        self,
        table: Table,
        codec: Codec,
        push: Callable[[Sequence[Envelope]], Any],
        is_over: Callable[[str], bool],
        find: Callable[[str], Any],
    ) -> None:
        self._table = table
        self._codec = codec
        self._push = push
        self._is_over = is_over
        self._find = find
        self._taken: list[Row] = []

    def fire(self) -> list[Envelope]:
        """Fire what is due, a batch at most; return the jobs.

        One that cannot be fired is named in its row and tried again later; the others go on.
        Raises BrokerUnavailable.
        """
        try:
            return self._together(BATCH)
        except BrokerUnavailable:
            raise
        except Exception as error:
            logger.debug("a batch could not be fired, now one by one: %r", error)
            return self._one_by_one(len(self._taken))

    def _one_by_one(self, count: int) -> list[Envelope]:
        fired: list[Envelope] = []
        for _ in range(count):
            try:
                fired += self._together(1)
            except BrokerUnavailable:
                raise
            except Exception as error:
                if not self._taken:
                    raise
                (row,) = self._taken
                self._table.failed(row.id, complain(row, error), pause_after(row))
        return fired

    def _together(self, limit: int) -> list[Envelope]:
        self._taken = []
        return self._table.session.together(lambda: self._pass(limit))

    def _pass(self, limit: int) -> list[Envelope]:
        table = self._table
        self._taken = rows = table.take_due(limit)
        if not rows:
            return []
        # Alone we look first whether its key is taken; a batch would notice, and be rolled back.
        alone, now, step = limit == 1, table.now(), Step()
        for row in rows:
            try:
                self._look(row, now, step, careful=alone)
            except BrokerUnavailable:
                raise
            except Exception as error:
                told = complain(row, error)
                again = now + timedelta(seconds=pause_after(row))
                step.advances.append(_failed(row, told, again))
        table.insert_firings(step.firings)
        if step.envelopes:
            self._push(step.envelopes)
        table.advance(step.advances)
        for one in step.crowded:
            table.forget_old(one)
        return step.envelopes

    def _look(self, row: Row, now: datetime, step: Step, *, careful: bool) -> None:
        """Add what becomes of one schedule. Raises for one that cannot be fired."""
        rule = rule_of(row.rule)
        busy = row.overlap != ALLOW and bool(row.last_job) and not self._is_over(row.last_job)
        decision = decide(row, rule, now, busy=busy)
        if decision.waiting:
            step.advances.append(_waiting(row, decision))
            return
        times = [*decision.fire, *([decision.skipped] if decision.skipped else [])]
        known = self._table.fired(row.id, times) if careful and times else {}
        fire = [one for one in decision.fire if one not in known]
        if fire:
            self._find(row.task)
        new_ids = ids.job_ids(len(fire)) if fire else []
        made = jobs(self._codec, row, rule, fire, new_ids, now)
        step.envelopes += made
        step.firings += [
            Fired(row.id, intended, now, job_id, decision.note)
            for intended, job_id in zip(fire, new_ids, strict=True)
        ]
        if decision.skipped and decision.skipped not in known:
            step.firings.append(Fired(row.id, decision.skipped, now, "", decision.note))
        count = row.fired + len(fire)
        if row.fired // PRUNE_EACH != count // PRUNE_EACH:
            step.crowded.append(row.id)
        step.advances.append(
            Advance(
                row.id,
                decision.next_at,
                decision.wake_at,
                count,
                fire[-1] if fire else row.last_at,
                new_ids[-1] if fire else row.last_job,
            )
        )


def _waiting(row: Row, decision: Decision) -> Advance:
    return Advance(
        row.id,
        decision.next_at,
        decision.wake_at,
        row.fired,
        row.last_at,
        row.last_job,
        row.failures,
        decision.waiting,
    )


def _failed(row: Row, told: str, again: datetime) -> Advance:
    return Advance(
        row.id,
        row.next_at,
        again,
        row.fired,
        row.last_at,
        row.last_job,
        row.failures + 1,
        told,
    )


def pause_after(row: Row) -> float:
    """Return the seconds until a schedule is tried again that has just failed."""
    return float(min(2.0 ** min(row.failures, 20), LONGEST_PAUSE))


def complain(row: Row, error: Exception) -> str:
    """Return why a schedule could not be fired; say it in the log the first time."""
    told = str(error) if isinstance(error, ConvoyError) else f"{type(error).__name__}: {error}"
    level = logging.DEBUG if row.failures else logging.ERROR
    logger.log(level, "schedule %s could not be fired: %s; it is tried again", row.name, told)
    return told
